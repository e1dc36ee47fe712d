//! Start of the program: the command line is read, the stack opened, and the command carried out.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{CliArgs, Command};
use crate::aws::StackAccess;
use crate::clock::now;
use crate::completion::{Completion, Error, exit_code};
use crate::out::{self, Out};
use crate::run::{at, interruption};
use crate::stack_port::StackPort;
use crate::{console_server, doctor, interrupt, new_project, undeploy, who};

/// Reads the command line, and does it.
pub fn main() -> ExitCode {
    // It ends here by itself with 2 where it is not understood, and with 0 for help.
    let line = CliArgs::parse();
    let ended = start(&line);
    exit_code(ended, |error| out::say(&format!("redrive: {error}")))
}

fn start(line: &CliArgs) -> Result<Completion, Error> {
    let out = Out::new(line.common.json);
    if let Command::Completions { shell } = &line.command {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut CliArgs::command(), "redrive", &mut script);
        out.exact(&script)?;
        return Ok(Completion::Done);
    }
    if let Command::Doctor(args) = &line.command
        && let Some(rule) = args.explain
    {
        return doctor::explain(rule, out);
    }
    interrupt::listen(interruption(&line.command));
    if let Command::New(args) = &line.command {
        return new_project::run(args, out);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(carry_out(line, out))
}

async fn carry_out(line: &CliArgs, out: Out) -> Result<Completion, Error> {
    let now = now();
    if let Command::Doctor(args) = &line.command {
        // It looks at any queue: it needs no stack of ours.
        return doctor::run(args, &line.common, out).await;
    }
    if let Command::Undeploy(args) = &line.command {
        // The stack that is deleted is named in the command itself: no variable of the environment may name it.
        let access = StackAccess::named(&line.common, &args.name).await?;
        return undeploy::run(args, &access, &access.place(), out).await.map_err(|error| access.explained(error));
    }
    let stated = who::stated(line.common.by.as_deref())?;
    let access = StackAccess::open(&line.common).await?;
    if let Command::Console(args) = &line.command {
        let by = who::named(access.caller().await.as_deref(), stated, who::user_at_host)?;
        return console_server::run(args, &line.common, access, by, out).await;
    }
    at(&access, line, stated, (now, out)).await.map_err(|error| access.explained(error))
}
