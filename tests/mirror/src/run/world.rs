//! The file system of a run: a root of its own, with the host's programs and libraries read-only,
//! and writable folders that are empty at the start and discarded at the end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{mkfifo, pivot_root, sethostname};

use crate::run::{etc, kernel};

/// The working directory of every program.
pub const WORK: &str = "/mirror";

/// The FIFO that strace writes its log to.
pub const LOG: &str = "/.strace";

/// The writable folders, each empty at the start.
pub const WRITABLE: [&str; 5] = [WORK, "/tmp", "/var/tmp", "/run", "/dev/shm"];

/// Folders of the host that a run has its own versions of.
const REPLACED: [&str; 7] = ["dev", "etc", "mirror", "proc", "run", "sys", "tmp"];

/// The host's `/etc`, for files that a run has no version of.
const HOST_ETC: &str = "/.etc";

/// The files that are mounted over some of `/proc`.
const PROC_FILES: &str = "/.proc";

/// The size limits of each writable folder.
const TMPFS_OPTIONS: &str = "size=256m,nr_inodes=65536";

/// A larger program is not copied but bind-mounted. In bytes.
const LARGEST_COPY: u64 = 32 << 20;

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Where the new root is built; pivot_root hides it.
const NEW_ROOT: &str = "/tmp";

/// What a run needs from the host's file system.
#[derive(Debug, Default)]
pub struct World<'a> {
    /// The program's file and its name in the working directory.
    pub program: Option<(&'a Path, &'a str)>,
    /// Further files and folders: their paths on the host and in the run.
    pub visible: Vec<(PathBuf, PathBuf)>,
    /// The names that `/etc/hosts` adds.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// The lines of `/etc/resolv.conf`; none if there is no name server.
    pub resolv_conf: Vec<String>,
}

/// Those of the host's files that a run's own folders hide, and that must be made visible.
pub fn hidden_by_the_run<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Vec<(PathBuf, PathBuf)> {
    let hidden = |file: &&PathBuf| WRITABLE.iter().any(|folder| file.starts_with(folder));
    files.into_iter().filter(hidden).map(|file| (file.clone(), file.clone())).collect()
}

impl World<'_> {
    /// Builds the root and enters it. This process must be the first one of its mount namespace.
    /// Returns a path by which this process alone can reach `directory` on the host.
    pub fn enter(&self, directory: &Path) -> Result<PathBuf> {
        // Open what the new root will hide.
        let path = |path: &Path| {
            open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
                .with_context(|| format!("cannot open {}", path.display()))
        };
        let directory = path(directory)?;
        let program = match self.program {
            Some((file, name)) => Some((path(file)?, name)),
            None => None,
        };
        let visible: Vec<(OwnedFd, &Path)> =
            self.visible.iter().map(|(file, name)| Ok((path(file)?, name.as_path()))).collect::<Result<_>>()?;

        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            .context("cannot make the mounts private")?;
        tmpfs(Path::new(NEW_ROOT))?;
        bind_host_folders()?;
        read_only(Path::new(NEW_ROOT), true)?;
        writable(Path::new(NEW_ROOT))?;
        for folder in WRITABLE {
            let folder = in_new_root(folder);
            // `/var` may be missing, and then cannot be created.
            if folder.is_dir() || fs::create_dir_all(&folder).is_ok() {
                tmpfs(&folder)?;
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777))?;
            }
        }
        self.write_etc()?;
        make_dev()?;
        make_proc_and_sys()?;
        if let Some((file, name)) = &program {
            install(file, &in_new_root(WORK).join(name))?;
        }
        for (file, path) in &visible {
            bind_read_only(file, &in_new_root(path))?;
        }
        mkfifo(&in_new_root(LOG), Mode::from_bits_truncate(0o600))?;

        std::env::set_current_dir(NEW_ROOT)?;
        pivot_root(".", ".").context("cannot change the root (pivot_root)")?;
        umount2(".", MntFlags::MNT_DETACH).context("cannot unmount the host's root")?;
        std::env::set_current_dir("/")?;
        make_loader_cache()?;
        read_only(Path::new("/"), false)?;
        sethostname(etc::HOST_NAME)?;
        // The descriptor stays open as long as this process lives.
        Ok(PathBuf::from(format!("/proc/self/fd/{}", directory.into_raw_fd())))
    }

    fn write_etc(&self) -> Result<()> {
        let (etc, host_etc) = (in_new_root("/etc"), in_new_root(HOST_ETC));
        fs::create_dir(&etc)?;
        fs::create_dir(&host_etc)?;
        let files = etc::files(&self.hosts, &self.resolv_conf);
        for (name, content) in &files {
            fs::write(etc.join(name), content)?;
        }
        let Ok(entries) = fs::read_dir("/etc") else {
            return Ok(());
        };
        bind(Path::new("/etc"), &host_etc)?;
        read_only(&host_etc, true)?;
        for entry in entries {
            let name = entry?.file_name();
            let own = |other: &str| name == *other;
            if !etc::ABSENT.iter().any(|o| own(o)) && !files.iter().any(|(o, _)| own(o)) {
                symlink(Path::new(HOST_ETC).join(&name), etc.join(&name))?;
            }
        }
        Ok(())
    }
}

fn make_proc_and_sys() -> Result<()> {
    let (proc, files, sys) = (in_new_root("/proc"), in_new_root(PROC_FILES), in_new_root("/sys"));
    fs::create_dir(&proc)?;
    mount(Some("proc"), &proc, Some("proc"), MsFlags::empty(), None::<&str>).context("cannot mount /proc")?;
    for (name, content) in kernel::PROC {
        let file = files.join(name);
        write(&file, content)?;
        if proc.join(name).exists() {
            bind(&file, &proc.join(name))?;
        }
    }
    fs::create_dir(&sys)?;
    for (name, content) in kernel::SYS {
        write(&sys.join(name), content)?;
    }
    Ok(())
}

fn write(file: &Path, content: &str) -> Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    fs::write(file, content).with_context(|| format!("cannot write {}", file.display()))
}

/// Makes the kernel's settings read-only once those of the run are set. Some belong to the host,
/// and root could change them.
pub fn protect_sysctls() -> Result<()> {
    for path in ["/proc/sys", "/proc/sysrq-trigger"].map(Path::new) {
        if path.exists() {
            bind(path, path)?;
            read_only(path, true)?;
        }
    }
    Ok(())
}

/// Bind-mounts the host's folders, and recreates symbolic links.
fn bind_host_folders() -> Result<()> {
    for entry in fs::read_dir("/")? {
        let entry = entry?;
        let name = entry.file_name();
        if REPLACED.iter().any(|own| name == *own) {
            continue;
        }
        let (from, to) = (Path::new("/").join(&name), Path::new(NEW_ROOT).join(&name));
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else if kind.is_dir() {
            fs::create_dir(&to)?;
            bind(&from, &to)?;
        }
    }
    Ok(())
}

/// The cache of glibc's loader. If the host lacks it, the run gets one: without it, every program
/// searches many folders for its libraries.
fn make_loader_cache() -> Result<()> {
    let cache = Path::new("/etc/ld.so.cache");
    let ldconfig = ["/usr/sbin/ldconfig", "/sbin/ldconfig"].map(Path::new);
    let (false, Some(ldconfig)) = (cache.exists(), ldconfig.iter().find(|file| file.exists())) else {
        return Ok(());
    };
    // Makes no links (-X) and does not use the auxiliary cache (-i).
    let status = Command::new(ldconfig).args(["-X", "-i", "-C"]).arg(cache).status()?;
    ensure!(status.success(), "cannot create {} (ldconfig)", cache.display());
    Ok(())
}

fn make_dev() -> Result<()> {
    let dev = in_new_root("/dev");
    for name in DEVICES {
        let device = Path::new("/dev").join(name);
        let to = dev.join(name);
        ensure!(device.exists(), "{} is missing, and a run needs it", device.display());
        File::create(&to)?;
        bind(&device, &to)?;
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        symlink(target, dev.join(name))?;
    }
    // A devpts instance of its own, so that the numbers of terminals in the trace do not depend on
    // what else runs.
    let pts = dev.join("pts");
    fs::create_dir(&pts)?;
    let options = Some("newinstance,ptmxmode=0666,mode=0620");
    mount(Some("devpts"), &pts, Some("devpts"), MsFlags::empty(), options).context("cannot mount devpts")
}

/// Where a path of the run is while the root is being built.
fn in_new_root(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    Path::new(NEW_ROOT).join(path.strip_prefix("/").unwrap_or(path))
}

fn tmpfs(folder: &Path) -> Result<()> {
    mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(TMPFS_OPTIONS))
        .with_context(|| format!("cannot mount a tmpfs on {}", folder.display()))
}

fn bind(from: &Path, to: &Path) -> Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>)
        .with_context(|| format!("cannot bind-mount {}", from.display()))
}

/// Copies a program there, so that its modification time and inode number do not depend on the
/// host's file. A large one is bind-mounted.
fn install(file: &OwnedFd, to: &Path) -> Result<()> {
    let from = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    if fs::metadata(&from)?.len() > LARGEST_COPY {
        return bind_read_only(file, to);
    }
    let copied = fs::copy(&from, to).and_then(|_| {
        fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
        File::options().write(true).open(to)?.set_modified(SystemTime::UNIX_EPOCH)
    });
    copied.with_context(|| format!("cannot copy to {}", to.display()))
}

/// Bind-mounts a file or a folder of the host there, read-only.
fn bind_read_only(file: &OwnedFd, to: &Path) -> Result<()> {
    let from = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    if from.is_dir() {
        fs::create_dir_all(to)?;
    } else {
        File::create(to).with_context(|| format!("cannot create {}", to.display()))?;
    }
    bind(&from, to)?;
    read_only(to, true)
}

/// Makes a mount read-only, and all below it if `recursive`.
fn read_only(path: &Path, recursive: bool) -> Result<()> {
    set_attributes(path, libc::MOUNT_ATTR_RDONLY, 0, recursive)
        .with_context(|| format!("cannot make {} read-only (mount_setattr)", path.display()))
}

fn writable(path: &Path) -> Result<()> {
    set_attributes(path, 0, libc::MOUNT_ATTR_RDONLY, false)
        .with_context(|| format!("cannot make {} writable (mount_setattr)", path.display()))
}

fn set_attributes(path: &Path, set: u64, clear: u64, recursive: bool) -> Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    let attributes = libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
    // SAFETY: the path is a C string, and the size is that of the structure.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::c_long::from(libc::AT_FDCWD),
            path.as_ptr(),
            libc::c_long::from(flags),
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result)?;
    Ok(())
}
