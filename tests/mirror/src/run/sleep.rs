//! The system calls that threads sleep in, and whether they time out.

use std::fs;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::libc;
use nix::time::{ClockId, clock_gettime};

/// The program is not considered asleep in a pause of up to this length.
const SHORT_PAUSE: Duration = Duration::from_secs(2);

/// A system call that a thread sleeps in, and its arguments.
#[derive(Debug)]
pub struct Sleep {
    /// The thread's process.
    pub process: u32,
    /// The number of the call.
    pub call: i64,
    /// Its arguments.
    pub arguments: Vec<u64>,
}

impl Sleep {
    fn argument(&self, index: usize) -> u64 {
        self.arguments.get(index).copied().unwrap_or(0)
    }

    /// An argument of type int.
    fn integer(&self, index: usize) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "the upper half is undefined")]
        let low = self.argument(index) as u32;
        low.cast_signed()
    }

    /// Whether this call may time out.
    pub fn has_timeout(&self) -> bool {
        let structure = |index| self.argument(index) != 0;
        match self.call {
            libc::SYS_nanosleep
            | libc::SYS_clock_nanosleep
            | libc::SYS_restart_syscall
            | libc::SYS_io_uring_enter
            // TCP gives up, or the linger time expires.
            | libc::SYS_connect
            | libc::SYS_close => true,
            libc::SYS_epoll_pwait => self.integer(3) > 0,
            libc::SYS_ppoll | libc::SYS_rt_sigtimedwait => structure(2),
            libc::SYS_futex | libc::SYS_semtimedop | libc::SYS_epoll_pwait2 => structure(3),
            libc::SYS_pselect6
            | libc::SYS_recvmmsg
            | libc::SYS_io_getevents
            | libc::SYS_mq_timedsend
            | libc::SYS_mq_timedreceive => structure(4),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_epoll_wait => self.integer(3) > 0,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_poll => self.integer(2) > 0,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_select => structure(4),
            _ => false,
        }
    }

    /// Whether this is a pause that ends soon.
    pub fn is_short_pause(&self) -> bool {
        let length = match self.call {
            libc::SYS_nanosleep => self.time(0),
            libc::SYS_clock_nanosleep if self.integer(1) & libc::TIMER_ABSTIME == 0 => self.time(2),
            libc::SYS_clock_nanosleep => {
                let now = clock_gettime(ClockId::from_raw(self.integer(0))).map(Duration::from);
                self.time(2).zip(now.ok()).map(|(end, now)| end.saturating_sub(now))
            }
            _ => None,
        };
        length.is_some_and(|length| length <= SHORT_PAUSE)
    }

    /// The `timespec` that an argument points to.
    fn time(&self, index: usize) -> Option<Duration> {
        let memory = fs::File::open(format!("/proc/{}/mem", self.process)).ok()?;
        let mut words = [[0; 8]; 2];
        memory.read_exact_at(words.as_flattened_mut(), self.argument(index)).ok()?;
        let [seconds, nanoseconds] = words.map(u64::from_ne_bytes);
        Some(Duration::new(seconds, u32::try_from(nanoseconds).ok()?))
    }
}
