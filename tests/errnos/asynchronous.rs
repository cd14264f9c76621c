//! The wrappers of `<aio.h>`.

use crate::world::*;
use libc::*;
use sockmirror::aio::{aio_cancel, aio_error, aio_read, aio_return, aio_write};

/// A request for one byte.
fn request(fd: c_int, offset: off_t) -> *mut aiocb {
    let request: *mut aiocb = zero();
    c!((*request).aio_fildes = fd);
    c!((*request).aio_buf = room());
    c!((*request).aio_nbytes = 1);
    c!((*request).aio_offset = offset);
    c!((*request).aio_sigevent.sigev_notify = SIGEV_NONE);
    request
}

/// A request with a priority that there is not.
fn prior(request: *mut aiocb) -> *mut aiocb {
    c!((*request).aio_reqprio = -1);
    request
}

/// Waits until a request is done.
fn done(request: *mut aiocb) -> *mut aiocb {
    let list = new(request.cast_const());
    while c!(aio_error(request)) == EINPROGRESS {
        c!(aio_suspend(list, 1, std::ptr::null()));
    }
    request
}

/// A request to read, which is done.
fn read(fd: c_int, offset: off_t) -> *mut aiocb {
    let request = request(fd, offset);
    c!(aio_read(request)).unwrap();
    done(request)
}

/// A request to write, which is done.
fn written(fd: c_int, offset: off_t) -> *mut aiocb {
    let request = request(fd, offset);
    c!(aio_write(request)).unwrap();
    done(request)
}

/// A request that waits for bytes, and the one behind it.
fn waiting() -> (*mut aiocb, *mut aiocb) {
    let (reading, _) = new_pipe();
    let (first, second) = (request(reading, 0), request(reading, 0));
    c!(aio_read(first)).unwrap();
    c!(aio_read(second)).unwrap();
    (first, second)
}

rows! {
    aio_read {
        "a file" => OK: aio_read(request(file(), 0));
        "not open: aio_error tells" => OK: aio_read(request(NOT_OPEN, 0));
        "a negative offset: aio_error tells" => OK: aio_read(request(file(), -1));
        "a negative priority" => EINVAL: aio_read(prior(request(file(), 0)));
    }
    aio_write {
        "a file" => OK: aio_write(request(file(), 0));
        "not open: aio_error tells" => OK: aio_write(request(NOT_OPEN, 0));
        "a negative priority" => EINVAL: aio_write(prior(request(file(), 0)));
    }
    aio_error {
        "done" => OK: aio_error(read(file(), 0));
        "not done" => EINPROGRESS: aio_error(waiting().0);
        "taken back" => ECANCELED: {
            let (_, second) = waiting();
            assert_eq!(aio_cancel((*second).aio_fildes, second).unwrap(), AIO_CANCELED);
            aio_error(second)
        };
        "not open" => EBADF: aio_error(read(NOT_OPEN, 0));
        "opened for writing" => EBADF: aio_error(read(reopened(file(), O_WRONLY), 0));
        "a negative offset" => EINVAL: aio_error(read(file(), -1));
        "bytes beyond the last offset" => EINVAL: aio_error(read(page(), off_t::MAX));
        "a read beyond what a file can have" => OK: aio_error(read(page(), off_t::MAX - 1));
        "a write beyond the size of a file, without SIGXFSZ" => EFBIG: {
            limit(RLIMIT_FSIZE, 1);
            aio_error(written(file(), 1))
        };
        "bad memory" => EFAULT: {
            let request = request(page(), 0);
            (*request).aio_buf = nowhere();
            aio_read(request).unwrap();
            aio_error(done(request))
        };
        "a directory" => EISDIR: aio_error(read(opened("/", O_RDONLY), 0));
        "a socket that is not connected" => ENOTCONN: aio_error(read(tcp(), 0));
        "a full device" => ENOSPC: aio_error(written(opened("/dev/full", O_WRONLY), 0));
        "a pipe that nobody reads, without SIGPIPE" => EPIPE: aio_error(written(broken_pipe(), 0));
    }
    aio_return {
        "bytes" => OK: aio_return(read(page(), 0)) == 1;
        "a request that has failed" => OK: aio_return(read(NOT_OPEN, 0)) == -1;
    }
    aio_cancel {
        "all is done" => OK: {
            let file = file();
            read(file, 0);
            aio_cancel(file, std::ptr::null_mut()) == Ok(AIO_ALLDONE)
        };
        "one that waits" => OK: {
            let (_, second) = waiting();
            aio_cancel((*second).aio_fildes, second) == Ok(AIO_CANCELED)
        };
        "not open" => EBADF: aio_cancel(NOT_OPEN, std::ptr::null_mut());
        "another descriptor than the request's" => EINVAL: aio_cancel(tcp(), request(file(), 0));
    }
}
