//! `<netdb.h>`: from a name to addresses, and from a service to a port.

use crate::string::CharPtr;
use libc::{addrinfo, c_char, c_int, servent};

/// `getaddrinfo(node, service, hints, res)` — every address behind a name.
///
/// ```c
/// int getaddrinfo(const char *node, const char *service,
///                 const struct addrinfo *hints, struct addrinfo **res);
/// ```
///
/// `node` is a name or a dotted-decimal address, `service` a port's name or number; one of them may be
/// null. `hints` says what is wanted: `ai_family` (`AF_INET` for IPv4 only), `ai_socktype` (0 gives each
/// address once for every type of socket), `ai_flags` (`AI_NUMERICHOST`: do not ask anyone, …); its other
/// members are zero. It may be null.
///
/// On success `*res` is the first of a list linked by `ai_next`, in memory of libc's own that
/// [`freeaddrinfo`] gives back. `ai_addr` is a `sockaddr_in` if `ai_family` is `AF_INET`. The function reads
/// files (`/etc/nsswitch.conf`, `/etc/hosts`, `/etc/resolv.conf`) and asks name servers; how, is the
/// machine's affair.
///
/// Returns 0, or one of the numbers below, which are not those of `errno`: hence no `Result`.
/// [`gai_strerror`] has the words.
///
/// # Errors
///
/// - `EAI_AGAIN`: no name server answered. Later, one may.
/// - `EAI_BADFLAGS`: `ai_flags` has an unknown or impossible flag.
/// - `EAI_FAIL`: a name server answered that it will never know.
/// - `EAI_FAMILY`: `ai_family` is not supported.
/// - `EAI_MEMORY`: no memory.
/// - `EAI_NODATA`, `EAI_ADDRFAMILY`: the name exists, and has no address, or none of the family.
/// - `EAI_NONAME`: no such name or service; or both are null.
/// - `EAI_SERVICE`: the service does not exist for this type of socket.
/// - `EAI_SOCKTYPE`: `ai_socktype` is not supported, or does not fit `ai_protocol`.
/// - `EAI_SYSTEM`: a system call failed, and `errno` says why.
///
/// # Safety
///
/// `node` and `service` are null or point to C strings, `hints` is null or points to an `addrinfo`, and
/// `res` points to a pointer that may be written. No other thread changes the environment meanwhile.
///
/// # Source
///
/// getaddrinfo(3), RFC 3493 section 6.1; tutorial, lines 84-86 and 525-531.
#[inline]
#[must_use]
pub unsafe fn getaddrinfo(
    node: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    res: *mut *mut addrinfo,
) -> c_int {
    // SAFETY: the caller vouches for all four.
    unsafe { libc::getaddrinfo(node, service, hints, res) }
}

/// `freeaddrinfo(res)` — gives the list of [`getaddrinfo`] back.
///
/// ```c
/// void freeaddrinfo(struct addrinfo *res);
/// ```
///
/// # Safety
///
/// `res` is what [`getaddrinfo`] stored when it returned 0. It is given back once, and nothing uses the list
/// afterwards.
///
/// # Source
///
/// freeaddrinfo(3); tutorial, lines 84-86.
#[inline]
pub unsafe fn freeaddrinfo(res: *mut addrinfo) {
    // SAFETY: the caller vouches that the list is its own to give back.
    unsafe { libc::freeaddrinfo(res) }
}

/// `gai_strerror(errcode)` — what a number of [`getaddrinfo`] means, in words.
///
/// ```c
/// const char *gai_strerror(int errcode);
/// ```
///
/// Returns a pointer to a C string of libc's own that stays as it is. A number that is none has a text too:
/// `Unknown error`.
///
/// # Source
///
/// gai_strerror(3); tutorial, lines 84-86.
///
/// # Examples
///
/// ```
/// use sockmirror::netdb::gai_strerror;
/// use sockmirror::stdio::printf;
///
/// printf!(c"%s\n", gai_strerror(libc::EAI_NONAME));
/// ```
#[inline]
#[must_use]
pub fn gai_strerror(errcode: c_int) -> CharPtr {
    // SAFETY: every number has a text, which lies in memory of libc's own.
    let text = unsafe { libc::gai_strerror(errcode) };
    // SAFETY: it is never changed.
    unsafe { CharPtr::new(text) }
}

/// `getservbyname(name, proto)` — the port of a service.
///
/// ```c
/// struct servent *getservbyname(const char *name, const char *proto);
/// ```
///
/// `name` is the official name of the service or an alias of it, as `http` and `www`. `proto` is the name of the
/// protocol, as `tcp`, or null for any. The function reads what `/etc/nsswitch.conf` names: usually `/etc/services`.
///
/// Returns a structure of libc's own, or a null pointer if there is no such service, or if the files cannot be read:
/// `errno` does not tell the two apart, hence no `Result`. `s_name` is the official name, `s_aliases` the others, up to
/// a null pointer, `s_proto` the protocol. `s_port` has the port in network byte order, in an int: `ntohs` takes its 16
/// bits.
///
/// # Safety
///
/// `name` points to a C string, and `proto` is null or points to one. There is one thread, because the structure and
/// its strings are the same for all (MT-Unsafe); they stay until the next call of this function.
///
/// # Source
///
/// getservbyname(3), services(5); tutorial, line 91.
#[inline]
#[must_use]
pub unsafe fn getservbyname(name: *const c_char, proto: *const c_char) -> *mut servent {
    // SAFETY: the caller vouches for the strings and for one thread.
    unsafe { libc::getservbyname(name, proto) }
}

/// `getservbyport(port, proto)` — the service that a port belongs to.
///
/// ```c
/// struct servent *getservbyport(int port, const char *proto);
/// ```
///
/// `port` is in network byte order. `proto` and the structure are as for [`getservbyname`]. A service has the name;
/// what listens on the port of this machine may be anything.
///
/// Returns a structure of libc's own, or a null pointer, for the reasons that [`getservbyname`] has.
///
/// # Safety
///
/// `proto` is null or points to a C string. There is one thread, because the structure and its strings are the same for
/// all (MT-Unsafe); they stay until the next call of this function.
///
/// # Source
///
/// getservbyport(3), services(5); tutorial, line 91.
#[inline]
#[must_use]
pub unsafe fn getservbyport(port: c_int, proto: *const c_char) -> *mut servent {
    // SAFETY: the caller vouches for the string and for one thread.
    unsafe { libc::getservbyport(port, proto) }
}
