//! Links the programs as the C compiler links the C: with GNU ld. rustc may prefer another linker,
//! which lays the program's memory out in its own way, and the loader's `mprotect` shows it.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg-bins=-fuse-ld=bfd");
}
