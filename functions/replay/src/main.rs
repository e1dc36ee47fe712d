//! Replay: sends letters back to the main queue, as policy allows or as somebody asks, and discards on request.

fn main() -> Result<(), redrive::Error> {
    redrive::run_replay()
}
