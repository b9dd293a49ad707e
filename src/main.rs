//! The one binary that users call.

fn main() -> std::process::ExitCode {
    benchrun::cli::main()
}
