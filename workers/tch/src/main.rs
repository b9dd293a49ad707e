//! `rust/tch`: networks on the libtorch of the PyTorch environment, in a process of its own, so that benchrun itself links no libtorch.
//!
//! It speaks benchrun's worker protocol by benchrun's own loop; `--identity` tells which build it is.

mod layers;
mod optimizer;
mod training;

use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use benchrun::backend::Framework;
use benchrun::implementation::external::Identity;
use benchrun::worker::native;
use benchrun::worker::protocol::{Blas, DEVICE_VARIABLE};

/// The framework.
const FRAMEWORK: Framework = Framework {
    id: "rust/tch",
    doc: "tch: the libtorch of the PyTorch environment, called from Rust",
    versions: &[("tch", "0.24.0"), ("libtorch", env!("BENCHRUN_LIBTORCH"))],
    blas: || Blas { name: "mkl".to_owned(), version: None, architecture: None, threads: threads() },
    set_threads: |threads| {
        let count = i32::try_from(threads).unwrap_or(i32::MAX);
        tch::set_num_threads(count);
        tch::set_num_interop_threads(1);
        self::threads()
    },
    algorithms: &[],
    networks: Some(&training::Tch),
    languages: None,
};

/// The threads that libtorch uses within one operation.
fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1)
}

/// Starts this program again with libtorch's kernels for CUDA, where the trial is on a device: they register themselves when they are loaded,
/// and since none is called by its name, the linker leaves them out. Other trials do without the memory that they take. If that fails, the
/// device is told to be missing.
fn load_device() {
    const PRELOAD: &str = "LD_PRELOAD";
    if let (Some(_), None, Ok(program)) =
        (env::var_os(DEVICE_VARIABLE), env::var_os(PRELOAD), env::current_exe())
    {
        let _ = Command::new(program).env(PRELOAD, env!("BENCHRUN_LIBTORCH_CUDA")).exec();
    }
}

fn main() -> ExitCode {
    let identity = Identity::new(env!("BENCHRUN_TCH_SOURCES"), FRAMEWORK.versions);
    if env::args().nth(1).as_deref() == Some("--identity") {
        return identity.print();
    }
    load_device();
    match native::run(&[&FRAMEWORK], &identity.build) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
