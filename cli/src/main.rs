//! `redrive`: the operator's command; its library has all of it.

fn main() -> std::process::ExitCode {
    redrive_cli::main()
}
