//! Code of one function, put into a stack that is there: seconds instead of a whole deployment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::args::{DeployFunction, FunctionKind};
use crate::completion::{Completion, Error};
use crate::deployed::{Architecture, FunctionHost};
use crate::out::{self, Out};
use crate::stack_port::StackPort;

/// Folder of what is built here, apart from the functions of `sam build`.
const BUILT: &str = "target/deploy-function";

impl FunctionKind {
    /// Name of its package and binary.
    const fn name(self) -> &'static str {
        match self {
            Self::Processor => "processor",
            Self::Indexer => "indexer",
            Self::Replay => "replay",
        }
    }

    /// Output of the stack with the name of the deployed function.
    const fn output(self) -> &'static str {
        match self {
            Self::Processor => "ProcessorFunctionName",
            Self::Indexer => "IndexerFunctionName",
            Self::Replay => "ReplayFunctionName",
        }
    }

    /// Output with the name of a second function of the same code; a stack of an earlier version has none.
    const fn second_output(self) -> Option<&'static str> {
        match self {
            Self::Processor | Self::Indexer => None,
            Self::Replay => Some("AdministrationFunctionName"),
        }
    }
}

/// Hashes of the code before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Replaced {
    before: String,
    after: String,
}

/// Replaces the code of functions of one binary by what `package` makes for their architecture.
async fn replace(
    host: &impl FunctionHost,
    functions: &[&str],
    package: impl FnOnce(Architecture) -> Result<Vec<u8>, Error>,
) -> Result<Vec<Replaced>, Error> {
    let mut before = Vec::new();
    for function in functions {
        before.push(host.code(function).await?);
    }
    let Some(architecture) = before.first().map(|code| code.architecture) else { return Ok(Vec::new()) };
    if before.iter().any(|code| code.architecture != architecture) {
        let mend = "deploy the stack with one Architecture first";
        return Err(Error::NotSetUp(format!("{} are of different architectures: {mend}", functions.join(" and "))));
    }
    let zip = package(architecture)?;
    let mut replaced = Vec::new();
    for (function, code) in functions.iter().zip(before) {
        host.replace(function, zip.clone()).await?;
        replaced.push(Replaced { before: code.sha256, after: host.code(function).await?.sha256 });
    }
    Ok(replaced)
}

/// Carries out the command.
pub(crate) async fn run<S: StackPort + FunctionHost>(
    args: &DeployFunction,
    access: &S,
    out: Out,
) -> Result<Completion, Error> {
    let second = args.function.second_output().and_then(|output| access.stack().get(output));
    let deployed: Vec<_> = [access.stack().need(args.function.output())?].into_iter().chain(second).collect();
    let package = |architecture| match &args.package {
        Some(zip) => read(zip),
        None => build(args.function, architecture),
    };
    let replaced = replace(access, &deployed, package).await?;
    let each = || deployed.iter().zip(&replaced);
    let document = || {
        let one = |(function, Replaced { before, after }): (&&str, &Replaced)| json!({"function": function, "code_sha256": after, "code_sha256_before": before});
        let mut all = each().map(one);
        let mut document = all.next().unwrap_or_default();
        let others: Vec<_> = all.collect();
        if !others.is_empty() {
            document["same_code"] = others.into();
        }
        document
    };
    let text = |_| {
        let line = |(function, Replaced { before, after }): (&&str, &Replaced)| match before == after {
            true => format!("{function} has the same code as before.\n"),
            false => format!("{function} has new code: {after}\n"),
        };
        each().map(line).collect()
    };
    out.either(document, text)?;
    Ok(Completion::Done)
}

fn read(zip: &Path) -> Result<Vec<u8>, Error> {
    fs::read(zip).map_err(|why| Error::Usage(format!("package {}: {why}", zip.display())))
}

/// Compiles the function with cargo-lambda, and returns the zip of it.
fn build(function: FunctionKind, architecture: Architecture) -> Result<Vec<u8>, Error> {
    let name = function.name();
    if !Path::new("functions").join(name).join("Cargo.toml").is_file() {
        let mend = "run it in the folder of redrive's source, or name a zip with --package";
        return Err(Error::Usage(format!("there is no functions/{name} here: {mend}")));
    }
    out::say(&format!("building {name} for {}", architecture.flag().trim_start_matches('-')));
    let status = Command::new("cargo").args(arguments(function, architecture)).stdin(Stdio::null()).status();
    let status = status.map_err(|why| Error::Usage(format!("cargo could not be run: {why}")))?;
    if !status.success() {
        let mend = "where cargo-lambda is missing, `make deploy-function` brings it, and --package needs none";
        return Err(Error::NotSetUp(format!("{name} was not built ({status}); {mend}")));
    }
    read(&built(function))
}

fn arguments(function: FunctionKind, architecture: Architecture) -> [&'static str; 13] {
    let (name, flag) = (function.name(), architecture.flag());
    let [zip, to] = [["--output-format", "zip"], ["--lambda-dir", BUILT]];
    ["lambda", "build", "--release", "--locked", flag, zip[0], zip[1], to[0], to[1], "-p", name, "--bin", name]
}

/// Path of the zip that cargo-lambda writes.
fn built(function: FunctionKind) -> PathBuf {
    Path::new(BUILT).join(function.name()).join("bootstrap.zip")
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::deployed::DeployedCode;

    /// A function that has the code which was put there last; its hash is the code itself.
    struct Deployed {
        architecture: Architecture,
        code: RefCell<Vec<u8>>,
    }

    impl FunctionHost for Deployed {
        async fn code(&self, _: &str) -> Result<DeployedCode, Error> {
            let sha256 = String::from_utf8(self.code.borrow().clone()).unwrap();
            Ok(DeployedCode { architecture: self.architecture, sha256 })
        }

        async fn replace(&self, _: &str, zip: Vec<u8>) -> Result<(), Error> {
            self.code.replace(zip);
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_code_is_built_for_the_architecture_that_is_deployed_and_told_by_its_hash() {
        for (architecture, flag) in [(Architecture::X86_64, "--x86-64"), (Architecture::Arm64, "--arm64")] {
            let host = Deployed { architecture, code: RefCell::new(b"old".to_vec()) };
            let package = |asked: Architecture| Ok(asked.flag().as_bytes().to_vec());
            let replaced = replace(&host, &["f"], package).await.unwrap();
            assert_eq!(replaced, [Replaced { before: "old".to_owned(), after: flag.to_owned() }]);
        }
        assert_eq!(["x86_64", "arm64", "mips"].map(Architecture::parse).map(|one| one.is_some()), [true, true, false]);
    }

    #[tokio::test]
    async fn two_functions_of_one_binary_get_the_same_code_which_is_built_once() {
        let host = Deployed { architecture: Architecture::Arm64, code: RefCell::new(b"old".to_vec()) };
        let built = RefCell::new(0);
        let package = |_| {
            *built.borrow_mut() += 1;
            Ok(b"new".to_vec())
        };
        let replaced = replace(&host, &["replay", "administration"], package).await.unwrap();
        assert_eq!((replaced.len(), built.into_inner()), (2, 1));
        assert!(replaced.iter().all(|one| one.after == "new"));
        assert_eq!(FunctionKind::Replay.second_output(), Some("AdministrationFunctionName"));
    }

    #[tokio::test]
    async fn a_package_that_cannot_be_made_leaves_the_code_as_it_is() {
        let host = Deployed { architecture: Architecture::Arm64, code: RefCell::new(b"old".to_vec()) };
        let refused = |_| Err(Error::NotSetUp("processor was not built".to_owned()));
        assert!(replace(&host, &["f"], refused).await.is_err());
        assert_eq!(*host.code.borrow(), b"old");
    }

    #[test]
    fn one_function_alone_is_built_as_it_is_locked_into_a_folder_of_its_own() {
        let words = arguments(FunctionKind::Indexer, Architecture::Arm64).join(" ");
        assert_eq!(
            words,
            "lambda build --release --locked --arm64 --output-format zip --lambda-dir target/deploy-function \
             -p indexer --bin indexer"
        );
        assert_eq!(built(FunctionKind::Indexer), Path::new("target/deploy-function/indexer/bootstrap.zip"));
    }
}
