//! Links the small executor statically, where that can be done.
//!
//! There is one executor per task. A third of what it cost was the dynamic loader: libraries to be
//! mapped, and thousands of addresses to be fixed in pages that are private from then on. A static
//! program at a fixed address has none of that. `mesos executor` is the same program, linked as
//! usual: it is what runs where this one is missing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The libraries that the standard library asks for as shared ones, and the static ones that stand
/// for them.
const LIBRARIES: [(&str, &str); 7] = [
    ("libc.so", "libc.a"),
    ("libm.so", "libm.a"),
    ("librt.so", "librt.a"),
    ("libpthread.so", "libpthread.a"),
    ("libutil.so", "libutil.a"),
    ("libdl.so", "libdl.a"),
    ("libgcc_s.so", "libgcc_eh.a"),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let usual = is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && env::var("HOST").ok() == env::var("TARGET").ok();
    // Programs for tests are linked often and started seldom.
    if !usual || !is("PROFILE", "release") {
        return;
    }
    let Ok(folder) = env::var("OUT_DIR") else { return };
    let folder = Path::new(&folder);
    // Where one is missing, the program is linked as usual.
    if LIBRARIES.iter().all(|names| stand_in(folder, names).is_some()) {
        for argument in ["-static", "-no-pie", &format!("-L{}", folder.display())] {
            println!("cargo::rustc-link-arg-bin=mesos-executor={argument}");
        }
    }
}

/// Writes a script for the linker in the place of a shared library, if there is the static one.
fn stand_in(folder: &Path, (shared, library): &(&str, &str)) -> Option<()> {
    let path = find(library)?;
    fs::write(folder.join(shared), format!("INPUT({})\n", path.display())).ok()
}

/// Where the compiler that links has this library: it prints the bare name of one that it lacks.
fn find(library: &str) -> Option<PathBuf> {
    let printed = Command::new("cc").arg(format!("-print-file-name={library}")).output().ok()?;
    let path = PathBuf::from(String::from_utf8(printed.stdout).ok()?.trim());
    path.is_absolute().then_some(path)
}
