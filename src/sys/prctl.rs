//! `<sys/prctl.h>`: settings of a process that only Linux has.

use crate::errno::{Errno, cvt};
use libc::{c_int, c_ulong};

/// `prctl(option, arg2)` — changes how the kernel treats this process.
///
/// ```c
/// int prctl(int option, ... /* unsigned long arg2 */);
/// ```
///
/// `PR_SET_PDEATHSIG`: the process gets the signal `arg2` when the thread that forked it ends; 0 takes that
/// back. A child of `fork` does not inherit it. If that thread has ended already, no signal comes.
///
/// `PR_SET_CHILD_SUBREAPER`: with `arg2` 1, a process whose parent ends becomes a child of this one, if it descends
/// from it; otherwise it would become one of the first process of all. A child of `fork` does not inherit it.
///
/// # Errors
///
/// - `EINVAL`: `arg2` is no signal, or the kernel does not know `option`.
///
/// # Safety
///
/// `option` takes one integer, as these two do: others take a pointer, or change what code elsewhere relies on.
///
/// # Source
///
/// prctl(2), PR_SET_PDEATHSIG(2const), PR_SET_CHILD_SUBREAPER(2const).
#[inline]
pub unsafe fn prctl(option: c_int, arg2: c_ulong) -> Result<c_int, Errno> {
    // SAFETY: the caller vouches that the option takes an integer.
    cvt(unsafe { libc::prctl(option, arg2) })
}
