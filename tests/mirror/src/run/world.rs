//! The file system of a run: a root of its own, in which the machine's programs and libraries can
//! be read and everything that can be written is empty at the start and gone at the end.

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

/// The working folder of every program.
pub const WORK: &str = "/mirror";

/// The pipe that strace writes its log to.
pub const LOG: &str = "/.strace";

/// The folders that a program may write to, each empty at the start.
pub const WRITABLE: [&str; 5] = [WORK, "/tmp", "/var/tmp", "/run", "/dev/shm"];

/// Folders of the machine that a run has its own of.
const OWN: [&str; 7] = ["dev", "etc", "mirror", "proc", "run", "sys", "tmp"];

/// The machine's own `/etc`, which names that are not the run's own lead to.
const MACHINES_ETC: &str = "/.etc";

/// The files that take the place of some of `/proc`'s.
const OWN_PROC: &str = "/.proc";

/// How much can be written to each of the folders.
const ROOM: &str = "size=256m,nr_inodes=65536";

/// A program of more bytes is not copied.
const LARGE: u64 = 32 << 20;

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Where the new root is made. It is hidden by the new one.
const PLACE: &str = "/tmp";

/// What a run needs of the machine's file system.
#[derive(Debug, Default)]
pub struct World<'a> {
    /// The program and its name in the working folder.
    pub program: Option<(&'a Path, &'a str)>,
    /// Further files and folders, each by its path on the machine and the one in the run.
    pub visible: Vec<(PathBuf, PathBuf)>,
    /// The names that `/etc/hosts` adds.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
}

/// Those of these files that a run does not have where they are, and must be shown.
pub fn to_be_shown<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Vec<(PathBuf, PathBuf)> {
    let hidden = |file: &&PathBuf| WRITABLE.iter().any(|folder| file.starts_with(folder));
    files.into_iter().filter(hidden).map(|file| (file.clone(), file.clone())).collect()
}

impl World<'_> {
    /// Makes it the root of this process, which is the first one of its mount namespace. The
    /// machine's folder that is given can be reached by the path that is returned, by this process
    /// alone.
    pub fn enter(&self, directory: &Path) -> Result<PathBuf> {
        // What the new root would hide is opened first.
        let path = |path: &Path| {
            open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
                .with_context(|| format!("cannot open {}", path.display()))
        };
        let directory = path(directory)?;
        let program = match self.program {
            Some((file, name)) => Some((path(file)?, name)),
            None => None,
        };
        let visible: Vec<(OwnedFd, &Path)> = self
            .visible
            .iter()
            .map(|(file, name)| Ok((path(file)?, name.as_path())))
            .collect::<Result<_>>()?;

        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            .context("the mounts cannot be made private")?;
        tmpfs(Path::new(PLACE))?;
        machines_folders()?;
        read_only(Path::new(PLACE), true)?;
        writable(Path::new(PLACE))?;
        for folder in WRITABLE {
            let folder = inside(folder);
            // `/var` may be missing, and cannot be made in a folder of the machine's.
            if folder.is_dir() || fs::create_dir_all(&folder).is_ok() {
                tmpfs(&folder)?;
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777))?;
            }
        }
        self.make_etc()?;
        make_dev()?;
        make_proc_and_sys()?;
        if let Some((file, name)) = &program {
            place(file, &inside(WORK).join(name))?;
        }
        for (file, path) in &visible {
            show(file, &inside(path))?;
        }
        mkfifo(&inside(LOG), Mode::from_bits_truncate(0o600))?;

        std::env::set_current_dir(PLACE)?;
        pivot_root(".", ".").context("the root cannot be changed (pivot_root)")?;
        umount2(".", MntFlags::MNT_DETACH).context("the machine's root cannot be left")?;
        std::env::set_current_dir("/")?;
        make_loader_cache()?;
        read_only(Path::new("/"), false)?;
        sethostname(etc::HOST_NAME)?;
        // It stays open as long as this process.
        Ok(PathBuf::from(format!("/proc/self/fd/{}", directory.into_raw_fd())))
    }

    fn make_etc(&self) -> Result<()> {
        let (etc, machines) = (inside("/etc"), inside(MACHINES_ETC));
        fs::create_dir(&etc)?;
        fs::create_dir(&machines)?;
        let files = etc::files(&self.hosts);
        for (name, content) in &files {
            fs::write(etc.join(name), content)?;
        }
        let Ok(entries) = fs::read_dir("/etc") else {
            return Ok(());
        };
        bind(Path::new("/etc"), &machines)?;
        read_only(&machines, true)?;
        for entry in entries {
            let name = entry?.file_name();
            let own = |other: &str| name == *other;
            if !etc::ABSENT.iter().any(|o| own(o)) && !files.iter().any(|(o, _)| own(o)) {
                symlink(Path::new(MACHINES_ETC).join(&name), etc.join(&name))?;
            }
        }
        Ok(())
    }
}

fn make_proc_and_sys() -> Result<()> {
    let (proc, files, sys) = (inside("/proc"), inside(OWN_PROC), inside("/sys"));
    fs::create_dir(&proc)?;
    mount(Some("proc"), &proc, Some("proc"), MsFlags::empty(), None::<&str>)
        .context("/proc cannot be mounted")?;
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
    fs::write(file, content).with_context(|| format!("{} cannot be made", file.display()))
}

/// Keeps the program from the kernel's settings, once those of the run are made. They are the
/// machine's, and root may write them.
pub fn seal() -> Result<()> {
    for path in ["/proc/sys", "/proc/sysrq-trigger"].map(Path::new) {
        if path.exists() {
            bind(path, path)?;
            read_only(path, true)?;
        }
    }
    Ok(())
}

/// The machine's folders, which can be read. A link among them stays a link.
fn machines_folders() -> Result<()> {
    for entry in fs::read_dir("/")? {
        let entry = entry?;
        let name = entry.file_name();
        if OWN.iter().any(|own| name == *own) {
            continue;
        }
        let (from, to) = (Path::new("/").join(&name), Path::new(PLACE).join(&name));
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

/// Where glibc's loader finds libraries: a machine that lacks this file gets one, since without it
/// every program looks for its libraries in many places.
fn make_loader_cache() -> Result<()> {
    let cache = Path::new("/etc/ld.so.cache");
    let ldconfig = ["/usr/sbin/ldconfig", "/sbin/ldconfig"].map(Path::new);
    let (false, Some(ldconfig)) = (cache.exists(), ldconfig.iter().find(|file| file.exists()))
    else {
        return Ok(());
    };
    // No links are made (-X), and no file of the machine's own is used (-i).
    let status = Command::new(ldconfig).args(["-X", "-i", "-C"]).arg(cache).status()?;
    ensure!(status.success(), "{} cannot be made (ldconfig)", cache.display());
    Ok(())
}

fn make_dev() -> Result<()> {
    let dev = inside("/dev");
    for name in DEVICES {
        let device = Path::new("/dev").join(name);
        let to = dev.join(name);
        ensure!(device.exists(), "there is no {}, which a run needs", device.display());
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
    // A set of pseudo-terminals of its own, so that their numbers, which the trace shows, do not
    // depend on what else runs.
    let pts = dev.join("pts");
    fs::create_dir(&pts)?;
    let options = Some("newinstance,ptmxmode=0666,mode=0620");
    mount(Some("devpts"), &pts, Some("devpts"), MsFlags::empty(), options)
        .context("pseudo-terminals cannot be mounted (devpts)")
}

/// A path of the run while its root is being made.
fn inside(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    Path::new(PLACE).join(path.strip_prefix("/").unwrap_or(path))
}

fn tmpfs(folder: &Path) -> Result<()> {
    mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(ROOM))
        .with_context(|| format!("a tmpfs cannot be mounted on {}", folder.display()))
}

fn bind(from: &Path, to: &Path) -> Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>)
        .with_context(|| format!("{} cannot be shown to the run", from.display()))
}

/// Places a program there: a copy, since the machine's file has a time and an inode number by which two
/// copies can be told apart. A large one is shown.
fn place(file: &OwnedFd, to: &Path) -> Result<()> {
    let from = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    if fs::metadata(&from)?.len() > LARGE {
        return show(file, to);
    }
    let copied = fs::copy(&from, to).and_then(|_| {
        fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
        File::options().write(true).open(to)?.set_modified(SystemTime::UNIX_EPOCH)
    });
    copied.with_context(|| format!("{} cannot be copied", to.display()))
}

/// Shows a file or a folder of the machine there.
fn show(file: &OwnedFd, to: &Path) -> Result<()> {
    let from = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    if from.is_dir() {
        fs::create_dir_all(to)?;
    } else {
        File::create(to).with_context(|| format!("{} cannot be made", to.display()))?;
    }
    bind(&from, to)?;
    read_only(to, true)
}

/// Makes a mount, and all below it if `recursive`, such that nothing can be written there.
fn read_only(path: &Path, recursive: bool) -> Result<()> {
    set_attributes(path, libc::MOUNT_ATTR_RDONLY, 0, recursive)
        .with_context(|| format!("{} cannot be made read-only (mount_setattr)", path.display()))
}

fn writable(path: &Path) -> Result<()> {
    set_attributes(path, 0, libc::MOUNT_ATTR_RDONLY, false)
        .with_context(|| format!("{} cannot be made writable (mount_setattr)", path.display()))
}

fn set_attributes(path: &Path, set: u64, clear: u64, recursive: bool) -> Result<()> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes())?;
    let flags = if recursive { libc::AT_RECURSIVE } else { 0 };
    let attributes =
        libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 };
    // SAFETY: the path ends with a NUL, and the size is that of the structure.
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
