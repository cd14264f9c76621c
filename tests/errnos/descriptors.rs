//! `read`, `write`, `lseek`, `pipe2`, `dup2`, `fcntl`, `ioctl`, `stat`, `fstat`, `open`, `mmap`, and stdio's `fwrite` and `fflush`.

use std::ptr::null_mut;

use crate::world::*;
use errno::{Errno, errno};
use libc::*;
use sockmirror::fcntl::{fcntl, open};
use sockmirror::stdio::{Stream, fflush, fwrite};
use sockmirror::sys::ioctl::ioctl;
use sockmirror::sys::mman::mmap;
use sockmirror::sys::stat::{fstat, stat};
use sockmirror::unistd::{dup2, lseek, pipe2, read, write};

/// `read` into enough room.
fn got(fd: c_int) -> Result<ssize_t, Errno> {
    c!(read(fd, room(), 1 << 17))
}

/// A descriptor of SIGUSR1.
fn signal_descriptor(flags: c_int) -> c_int {
    must(c!(libc::signalfd(-1, blocked(&[SIGUSR1]), flags)))
}

/// `write` of a byte.
fn put(fd: c_int) -> Result<ssize_t, Errno> {
    c!(write(fd, room(), 1))
}

/// `open` of a path.
fn open_path(path: &str, flags: c_int) -> Result<c_int, Errno> {
    c!(open(text(path), flags))
}

/// `open` of what a descriptor stands for.
fn open_again(fd: c_int, flags: c_int) -> Result<c_int, Errno> {
    open_path(&format!("/proc/self/fd/{fd}"), flags)
}

/// A named pipe in the working folder.
fn named_pipe() {
    own_folder();
    must(c!(mkfifo(c"pipe".as_ptr(), 0o600)));
}

/// A file with a name, in a folder of its own, which this user may neither read nor write.
fn closed_file() {
    own_folder();
    must(c!(mkdir(c"closed".as_ptr(), 0o700)));
    must(c!(libc::open(c"closed/x".as_ptr(), O_CREAT | O_WRONLY, 0)));
    without_capabilities();
}

/// A file that a process runs.
fn running() -> c_int {
    let program = file();
    let mut copy = std::fs::File::options().write(true).open(format!("/proc/self/fd/{program}")).unwrap();
    std::io::copy(&mut std::fs::File::open("/proc/self/exe").unwrap(), &mut copy).unwrap();
    drop(copy);
    executed(&format!("/proc/self/fd/{program}"));
    program
}

/// `stat` of a path.
fn known(path: &str) -> Result<(), Errno> {
    c!(stat(text(path), zero()))
}

/// `mmap` of a shared page.
fn shared(prot: c_int, fd: c_int, offset: off_t) -> Result<*mut c_void, Errno> {
    c!(mmap(null_mut(), 4096, prot, MAP_SHARED, fd, offset))
}

/// `mmap` of new memory.
fn anonymous(length: usize, flags: c_int) -> Result<*mut c_void, Errno> {
    c!(mmap(null_mut(), length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0))
}

/// A sealed file.
fn sealed(seals: c_int) -> c_int {
    let file = must(c!(memfd_create(c"file".as_ptr(), MFD_ALLOW_SEALING)));
    must(c!(libc::ftruncate(file, 4096)));
    must(c!(libc::fcntl(file, F_ADD_SEALS, seals)));
    file
}

/// A stream that writes to a descriptor, with a byte in its buffer.
fn stream(fd: c_int) -> Stream {
    let stream = c!(fdopen(fd, c"w".as_ptr()));
    assert!(!stream.is_null());
    let stream = c!(Stream::new(stream));
    assert_eq!(c!(fwrite(room(), 1, 1, stream)), 1);
    stream
}

/// A byte more than nothing in a file that may have none.
fn beyond_the_limit() -> c_int {
    limit(RLIMIT_FSIZE, 0);
    file()
}

/// `fwrite` to a stream without a buffer: 0, or the errno.
fn written(fd: c_int) -> c_int {
    let stream = c!(fdopen(fd, c"w".as_ptr()));
    assert!(!stream.is_null());
    must(c!(setvbuf(stream, null_mut(), _IONBF, 0)));
    let stream = c!(Stream::new(stream));
    if c!(fwrite(room(), 1, 1, stream)) == 1 { 0 } else { errno().0 }
}

/// A pipe in which there is no room.
fn full_pipe() -> c_int {
    let (_, writing) = new_pipe();
    nonblocking(writing);
    while c!(libc::write(writing, room(), 4096)) > 0 {}
    writing
}

rows! {
    read {
        "a file" => OK: got(file());
        "the end of a pipe" => OK: {
            let (reading, writing) = new_pipe();
            must(libc::close(writing));
            got(reading)
        };
        "no bytes asked for, bad memory" => OK: read(file(), nowhere(), 0);
        "a pipe, non-blocking, nothing is there" => EAGAIN: got(nonblocking(new_pipe().0));
        "no signal waits" => EAGAIN: got(signal_descriptor(SFD_NONBLOCK));
        "not open" => EBADF: got(NOT_OPEN);
        "open for writing only" => EBADF: got(new_pipe().1);
        "bad memory" => EFAULT: read(page(), nowhere(), 5);
        "a signal" => EINTR: {
            interrupted();
            got(new_pipe().0)
        };
        "less room than a signalfd_siginfo" => EINVAL: read(signal_descriptor(0), room(), 127);
        "an epoll set" => EINVAL: got(must(epoll_create1(0)));
        "input failed" => EIO: got(opened("/proc/self/mem", O_RDONLY));
        "a directory" => EISDIR: got(opened("/", O_RDONLY));
        "a socket that is not connected" => ENOTCONN: got(tcp());
        "a connection that was reset" => ECONNRESET: got(reset_connection());
        "a UDP socket whose datagram met nobody" => ECONNREFUSED: got(refused());
        "a connection whose other end stopped acknowledging" => ETIMEDOUT: got(timed_out());
    }
    write {
        "a file" => OK: put(file());
        "no bytes, bad memory" => OK: write(file(), nowhere(), 0);
        "a pipe that is full, non-blocking" => EAGAIN: put(full_pipe());
        "not open" => EBADF: put(NOT_OPEN);
        "open for reading only" => EBADF: put(new_pipe().0);
        "bad memory" => EFAULT: write(new_pipe().1, nowhere(), 5);
        "beyond the size of a file" => SIGXFSZ: put(beyond_the_limit());
        "beyond the size of a file, SIGXFSZ ignored" => EFBIG: {
            signal(SIGXFSZ, SIG_IGN);
            put(beyond_the_limit())
        };
        "a signal" => EINTR: {
            let pipe = full_pipe();
            must(libc::fcntl(pipe, F_SETFL, 0));
            interrupted();
            put(pipe)
        };
        "a descriptor that writes no bytes" => EINVAL: put(signal_descriptor(0));
        "output failed" => EIO: put(opened("/proc/self/mem", O_WRONLY));
        "a full device" => ENOSPC: put(opened("/dev/full", O_WRONLY));
        "a seal against writing" => EPERM: put(sealed(F_SEAL_WRITE));
        "a pipe that nobody reads" => SIGPIPE: put(broken_pipe());
        "a pipe that nobody reads, SIGPIPE ignored" => EPIPE: {
            signal(SIGPIPE, SIG_IGN);
            put(broken_pipe())
        };
        "a socket that is not connected" => SIGPIPE: put(tcp());
        "a connection that was reset" => ECONNRESET: put(reset_connection());
        "a UDP socket that is not connected" => EDESTADDRREQ: put(udp());
    }
    lseek {
        "the position of a file" => OK: {
            let file = file();
            must(libc::write(file, room(), 5));
            lseek(file, 0, SEEK_CUR) == Ok(5)
        };
        "beyond the end of a file" => OK: lseek(file(), 1 << 40, SEEK_SET) == Ok(1 << 40);
        "not open" => EBADF: lseek(NOT_OPEN, 0, SEEK_CUR);
        "an unknown whence" => EINVAL: lseek(file(), 0, 99);
        "before the beginning" => EINVAL: lseek(file(), -1, SEEK_SET);
        "beyond what a file can have" => EINVAL: {
            let file = file();
            must(libc::write(file, room(), 5));
            lseek(file, off_t::MAX, SEEK_CUR)
        };
        "data beyond the end" => ENXIO: lseek(file(), 1, SEEK_DATA);
        "a pipe" => ESPIPE: lseek(new_pipe().0, 0, SEEK_CUR);
        "a TCP socket" => ESPIPE: lseek(tcp(), 0, SEEK_CUR);
        "a UDP socket" => ESPIPE: lseek(udp(), 0, SEEK_CUR);
    }
    pipe2 {
        "both flags" => OK: pipe2(new([0; 2]).cast(), O_CLOEXEC | O_NONBLOCK);
        "bad memory" => EFAULT: pipe2(nowhere(), 0);
        "an unknown flag" => EINVAL: pipe2(new([0; 2]).cast(), O_APPEND);
        "no descriptor left" => EMFILE: {
            no_descriptors();
            pipe2(new([0; 2]).cast(), 0)
        };
        "one descriptor left" => EMFILE: {
            let next = tcp();
            no_descriptors();
            must(libc::close(next));
            pipe2(new([0; 2]).cast(), 0)
        };
    }
    dup2 {
        "a number that is not open" => OK: dup2(tcp(), NOT_OPEN) == Ok(NOT_OPEN);
        "a number that is open" => OK: {
            let file = file();
            dup2(tcp(), file) == Ok(file)
        };
        "its own number" => OK: {
            let sock = tcp();
            dup2(sock, sock) == Ok(sock)
        };
        "not open" => EBADF: dup2(NOT_OPEN, tcp());
        "its own number, not open" => EBADF: dup2(NOT_OPEN, NOT_OPEN);
        "a negative number" => EBADF: dup2(tcp(), -1);
        "a number above the limit" => EBADF: {
            let sock = tcp();
            limit(RLIMIT_NOFILE, NOT_OPEN as u64);
            dup2(sock, NOT_OPEN)
        };
    }
    fcntl {
        "F_GETFL" => OK: fcntl(tcp(), F_GETFL, 0);
        "F_SETOWN to this process" => OK: fcntl(tcp(), F_SETOWN, getpid());
        "F_SETSIG to 0" => OK: fcntl(tcp(), sockmirror::fcntl::F_SETSIG, 0);
        "not open" => EBADF: fcntl(NOT_OPEN, F_GETFL, 0);
        "opened with O_PATH" => EBADF: fcntl(opened("/", O_PATH), F_SETFL, 0);
        "an unknown command" => EINVAL: fcntl(tcp(), 9999, 0);
        "F_SETSIG to no signal" => EINVAL: fcntl(tcp(), sockmirror::fcntl::F_SETSIG, 65);
        "F_SETOWN to INT_MIN" => EINVAL: fcntl(tcp(), F_SETOWN, c_int::MIN);
        "F_DUPFD to a negative number" => EINVAL: fcntl(tcp(), F_DUPFD, -1);
        "F_SETFL with O_DIRECT, which a socket lacks" => EINVAL: fcntl(tcp(), F_SETFL, O_DIRECT);
        "F_DUPFD, no descriptor left" => EMFILE: {
            let sock = tcp();
            no_descriptors();
            fcntl(sock, F_DUPFD, 0)
        };
        "F_SETOWN to no process" => ESRCH: fcntl(tcp(), F_SETOWN, no_process());
        "F_SETOWN to no group" => ESRCH: fcntl(tcp(), F_SETOWN, -no_process());
        "F_ADD_SEALS to a file that takes no more" => EPERM: fcntl(file(), F_ADD_SEALS, F_SEAL_WRITE);
        "F_SETPIPE_SZ above the limit without a capability" => EPERM: {
            without_capabilities();
            fcntl(new_pipe().0, F_SETPIPE_SZ, 1 << 30)
        };
        "F_ADD_SEALS against writing, and a map that is written" => EBUSY: {
            let file = sealed(0);
            shared(PROT_READ | PROT_WRITE, file, 0).unwrap();
            fcntl(file, F_ADD_SEALS, F_SEAL_WRITE)
        };
        "F_SETPIPE_SZ below what is in the pipe" => EBUSY: fcntl(full_pipe(), F_SETPIPE_SZ, 4096);
        "F_SETLEASE, opened by others" => EAGAIN: {
            let file = file();
            let _again = reopened(file, O_RDONLY);
            fcntl(file, F_SETLEASE, F_WRLCK)
        };
        "F_SETLEASE of another user's file" => EACCES: {
            ordinary_user();
            fcntl(opened("/proc/version", O_RDONLY), F_SETLEASE, F_RDLCK)
        };
        "F_NOTIFY of what is no directory" => ENOTDIR: fcntl(file(), F_NOTIFY, 2);
    }
    ioctl {
        "FIONREAD of a connection" => OK: ioctl(connection().0, FIONREAD, new(0));
        "SIOCOUTQ" => OK: ioctl(connection().0, TIOCOUTQ, new(0));
        "FIONBIO" => OK: ioctl(tcp(), FIONBIO, new(1));
        "not open" => EBADF: ioctl(NOT_OPEN, FIONREAD, new(0));
        "bad memory" => EFAULT: ioctl(connection().0, FIONREAD, nowhere::<c_int>());
        "FIONBIO, bad memory" => EFAULT: ioctl(tcp(), FIONBIO, nowhere::<c_int>());
        "FIONREAD of a listener" => EINVAL: ioctl(listener(), FIONREAD, new(0));
        "SIOCOUTQ of a listener" => EINVAL: ioctl(listener(), TIOCOUTQ, new(0));
        "SIOCGIFMTU" => OK: ioctl(udp(), SIOCGIFMTU, loopback());
        "SIOCGIFMTU, bad memory" => EFAULT: ioctl(udp(), SIOCGIFMTU, nowhere::<ifreq>());
        "SIOCGIFMTU of no interface" => ENODEV: ioctl(udp(), SIOCGIFMTU, zero::<ifreq>());
        "SIOCGIFMTU of a file" => ENOTTY: ioctl(file(), SIOCGIFMTU, loopback());
        "an unknown request" => ENOTTY: ioctl(tcp(), 0x1234, new(0));
        "SIOCOUTQ of a file" => ENOTTY: ioctl(file(), TIOCOUTQ, new(0));
    }
    stat {
        "a file" => OK: known("/dev/null");
        "a folder that may not be searched" => EACCES: {
            own_folder();
            must(mkdir(c"closed".as_ptr(), 0));
            without_capabilities();
            known("closed/x")
        };
        "bad memory for the path" => EFAULT: stat(nowhere(), zero());
        "bad memory for the structure" => EFAULT: stat(text("/"), nowhere());
        "a link to itself" => ELOOP: {
            own_folder();
            must(symlink(c"loop".as_ptr(), c"loop".as_ptr()));
            known("loop")
        };
        "a path that is too long" => ENAMETOOLONG: known(&"/x".repeat(3000));
        "a name that is too long" => ENAMETOOLONG: {
            own_folder();
            known(&"x".repeat(300))
        };
        "no such file" => ENOENT: known("/nonexistent");
        "an empty path" => ENOENT: known("");
        "a path in a file" => ENOTDIR: known("/dev/null/x");
    }
    fstat {
        "a file" => OK: fstat(file(), zero());
        "a socket" => OK: {
            let status: *mut libc::stat = zero();
            fstat(tcp(), status).unwrap();
            (*status).st_mode & S_IFMT == S_IFSOCK
        };
        "opened with O_PATH" => OK: fstat(opened("/", O_PATH), zero());
        "not open" => EBADF: fstat(NOT_OPEN, zero());
        "a negative descriptor" => EBADF: fstat(-1, zero());
        "bad memory" => EFAULT: fstat(file(), nowhere());
    }
    open {
        "a file" => OK: open_path("/dev/null", O_RDWR);
        "a pipe of this process, anew" => OK: open_again(new_pipe().1, O_WRONLY | O_NONBLOCK);
        "a directory, for reading" => OK: open_path("/", O_RDONLY);
        "a pipe that nobody writes, for reading without waiting" => OK: {
            named_pipe();
            open_path("pipe", O_RDONLY | O_NONBLOCK)
        };
        "a file that may not be read" => EACCES: {
            closed_file();
            open_path("closed/x", O_RDONLY)
        };
        "a folder that may not be searched" => EACCES: {
            closed_file();
            must(chmod(c"closed".as_ptr(), 0));
            open_path("closed/x", O_RDONLY)
        };
        "a lease, without waiting" => EAGAIN: {
            signal(SIGIO, SIG_IGN);
            let file = file();
            let leased = reopened(file, O_RDONLY);
            must(libc::close(file));
            must(libc::fcntl(leased, F_SETLEASE, F_RDLCK));
            open_again(leased, O_WRONLY | O_NONBLOCK)
        };
        "bad memory" => EFAULT: open(nowhere(), O_RDONLY);
        "a pipe that nobody reads, and a signal" => EINTR: {
            named_pipe();
            interrupted();
            open_path("pipe", O_WRONLY)
        };
        "O_DIRECT, which the file lacks" => EINVAL: open_path("/proc/self/status", O_RDONLY | O_DIRECT);
        "a directory, for writing" => EISDIR: open_path("/", O_WRONLY);
        "a link to itself" => ELOOP: {
            own_folder();
            must(symlink(c"loop".as_ptr(), c"loop".as_ptr()));
            open_path("loop", O_RDONLY)
        };
        "a link, O_NOFOLLOW" => ELOOP: open_path("/proc/self/exe", O_RDONLY | O_NOFOLLOW);
        "no descriptor left" => EMFILE: {
            no_descriptors();
            open_path("/dev/null", O_RDONLY)
        };
        "no descriptor left, no such file" => EMFILE: {
            no_descriptors();
            open_path("/nonexistent", O_RDONLY)
        };
        "a path that is too long" => ENAMETOOLONG: open_path(&"/x".repeat(3000), O_RDONLY);
        "no such file" => ENOENT: open_path("/nonexistent", O_RDONLY);
        "an empty path" => ENOENT: open_path("", O_RDONLY);
        "a path in a file" => ENOTDIR: open_path("/dev/null/x", O_RDONLY);
        "O_DIRECTORY, and it is a file" => ENOTDIR: open_path("/dev/null", O_RDONLY | O_DIRECTORY);
        "a socket" => ENXIO: open_again(tcp(), O_RDWR);
        "a pipe that nobody reads, for writing without waiting" => ENXIO: {
            named_pipe();
            open_path("pipe", O_WRONLY | O_NONBLOCK)
        };
        "O_NOATIME of another user's file" => EPERM: {
            ordinary_user();
            open_path("/proc/version", O_RDONLY | O_NOATIME)
        };
        "a file system that may not be written" => EROFS: {
            own_folder();
            must(mknod(c"x".as_ptr(), S_IFREG | 0o600, 0));
            read_only_folder();
            open_path("x", O_WRONLY)
        };
        "a program that runs, for writing" => ETXTBSY: open_again(running(), O_WRONLY);
    }
    mmap {
        "new memory" => OK: anonymous(4096, 0);
        "a file" => OK: shared(PROT_READ | PROT_WRITE, page(), 0);
        "beyond the end of a file" => OK: shared(PROT_READ, page(), 1 << 20);
        "shared writing, opened for reading" => EACCES: {
            shared(PROT_READ | PROT_WRITE, reopened(page(), O_RDONLY), 0)
        };
        "opened for writing only" => EACCES: shared(PROT_READ, reopened(page(), O_WRONLY), 0);
        "private writing, opened for reading" => OK: {
            mmap(null_mut(), 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, reopened(page(), O_RDONLY), 0)
        };
        "more locked memory than may be" => EAGAIN: {
            without_capabilities();
            limit(RLIMIT_MEMLOCK, 4096);
            anonymous(1 << 20, MAP_LOCKED)
        };
        "locked memory, of which there may be none" => EPERM: {
            without_capabilities();
            limit(RLIMIT_MEMLOCK, 0);
            anonymous(4096, MAP_LOCKED)
        };
        "not open" => EBADF: shared(PROT_READ, NOT_OPEN, 0);
        "an offset within a page" => EINVAL: shared(PROT_READ, page(), 1);
        "no length" => EINVAL: anonymous(0, 0);
        "neither shared nor private" => EINVAL: mmap(null_mut(), 4096, PROT_READ, MAP_ANONYMOUS, -1, 0);
        "an address within a page, MAP_FIXED_NOREPLACE" => EINVAL: {
            mmap(nowhere::<u8>().add(1).cast(), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)
        };
        "a pipe" => ENODEV: shared(PROT_READ, new_pipe().0, 0);
        "a UDP socket" => ENODEV: shared(PROT_READ, udp(), 0);
        "a directory" => ENODEV: shared(PROT_READ, opened("/proc/self", O_RDONLY), 0);
        "more than all addresses" => ENOMEM: anonymous(usize::MAX - 4095, 0);
        "more than the address space may be" => ENOMEM: {
            limit(RLIMIT_AS, 1 << 30);
            anonymous(1 << 31, 0)
        };
        "an offset beyond what a file can have" => EOVERFLOW: shared(PROT_READ, page(), off_t::MAX & !4095);
        "a seal against writing" => EPERM: shared(PROT_READ | PROT_WRITE, sealed(F_SEAL_WRITE), 0);
        "executable, from a file system without" => EPERM: {
            shared(PROT_READ | PROT_EXEC, opened("/proc/self/status", O_RDONLY), 0)
        };
        "memory in use, MAP_FIXED_NOREPLACE" => EEXIST: {
            mmap(nowhere(), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)
        };
        "MAP_SHARED_VALIDATE with a flag that the file does not know" => EOPNOTSUPP: {
            mmap(null_mut(), 4096, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, page(), 0)
        };
    }
    fwrite {
        "a file" => OK: written(file());
        "opened for reading" => EBADF: {
            let stream = fdopen(opened("/dev/null", O_RDONLY), c"r".as_ptr());
            if fwrite(room(), 1, 1, Stream::new(stream)) == 1 { 0 } else { errno().0 }
        };
        "a pipe that is full" => EAGAIN: written(full_pipe());
        "a full device" => ENOSPC: written(opened("/dev/full", O_WRONLY));
        "a pipe that nobody reads" => SIGPIPE: written(broken_pipe());
        "a pipe that nobody reads, SIGPIPE ignored" => EPIPE: {
            signal(SIGPIPE, SIG_IGN);
            written(broken_pipe())
        };
        "beyond the size of a file" => SIGXFSZ: written(beyond_the_limit());
        "beyond the size of a file, SIGXFSZ ignored" => EFBIG: {
            signal(SIGXFSZ, SIG_IGN);
            written(beyond_the_limit())
        };
        "a signal" => EINTR: {
            let pipe = full_pipe();
            must(libc::fcntl(pipe, F_SETFL, 0));
            interrupted();
            written(pipe)
        };
        "output failed" => EIO: written(opened("/proc/self/mem", O_WRONLY));
        "a descriptor that writes no bytes" => EINVAL: {
            written(must(signalfd(-1, blocked(&[SIGUSR1]), 0)))
        };
    }
    fflush {
        "a file" => OK: fflush(stream(file()));
        "the descriptor was closed" => EBADF: {
            let file = file();
            let stream = stream(file);
            must(libc::close(file));
            fflush(stream)
        };
        "a pipe that is full" => EAGAIN: fflush(stream(full_pipe()));
        "a full device" => ENOSPC: fflush(stream(opened("/dev/full", O_WRONLY)));
        "a pipe that nobody reads" => SIGPIPE: fflush(stream(broken_pipe()));
        "a pipe that nobody reads, SIGPIPE ignored" => EPIPE: {
            signal(SIGPIPE, SIG_IGN);
            fflush(stream(broken_pipe()))
        };
        "beyond the size of a file" => SIGXFSZ: fflush(stream(beyond_the_limit()));
        "beyond the size of a file, SIGXFSZ ignored" => EFBIG: {
            signal(SIGXFSZ, SIG_IGN);
            fflush(stream(beyond_the_limit()))
        };
    }
}
