//! Person who asks: the caller as AWS knows it, and where AWS does not say, whoever sits at this machine.

use std::fs;

use crate::completion::Error;

/// The longest name that the replay function takes.
const LIMIT: usize = 256;
/// Suffix of a name that nobody proved. AWS's own trail says then whose credentials invoked the function.
const UNVERIFIED: &str = "unverified";

/// Checks what was stated with `--by`.
pub(crate) fn stated(by: Option<&str>) -> Result<Option<&str>, Error> {
    match by.map(str::trim) {
        Some("") => Err(Error::Usage("--by must say who asks".to_owned())),
        by => Ok(by),
    }
}

/// The name that is written down: the caller's ARN, and beside it what was stated. Without an ARN what was stated, or the user
/// at this machine, and that it is not verified.
pub(crate) fn named(
    arn: Option<&str>,
    stated: Option<&str>,
    here: impl FnOnce() -> Result<String, Error>,
) -> Result<String, Error> {
    let name = match (arn, stated) {
        (Some(arn), None) => arn.to_owned(),
        (Some(arn), Some(stated)) => format!("{arn} ({stated})"),
        (None, Some(stated)) => format!("{stated} ({UNVERIFIED})"),
        (None, None) => format!("{} ({UNVERIFIED})", here()?),
    };
    if name.len() <= LIMIT {
        return Ok(name);
    }
    let room = LIMIT.saturating_sub(name.len() - stated.map_or(0, str::len));
    Err(Error::Usage(format!("--by must have at most {room} bytes beside what is written down anyway")))
}

/// The user, of whichever variable names one, and the host.
pub(crate) fn user_at_host() -> Result<String, Error> {
    let named = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let nobody = || Error::Usage("who asks? Neither --by nor the environment says".to_owned());
    let user = named("USER").or_else(|| named("LOGNAME")).or_else(|| named("USERNAME")).ok_or_else(nobody)?;
    let file = || fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
    let host = named("HOSTNAME").or_else(file).filter(|name| !name.is_empty());
    Ok(format!("{user}@{}", host.unwrap_or_else(|| "an unnamed host".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sts::123456789012:assumed-role/on-call/ann";

    fn name(arn: Option<&str>, stated: Option<&str>) -> Result<String, Error> {
        named(arn, stated, || Ok("ann@desk".to_owned()))
    }

    #[test]
    fn the_caller_is_named_as_aws_knows_it_and_what_nobody_proved_is_labelled() {
        assert_eq!(name(Some(ARN), None).unwrap(), ARN);
        assert_eq!(name(Some(ARN), Some("Ann, pager 7")).unwrap(), format!("{ARN} (Ann, pager 7)"));
        assert_eq!(name(None, Some("Ann")).unwrap(), "Ann (unverified)");
        assert_eq!(name(None, None).unwrap(), "ann@desk (unverified)");
    }

    #[test]
    fn a_name_that_says_nothing_or_too_much_is_refused() {
        for nothing in ["", "  "] {
            assert!(matches!(stated(Some(nothing)), Err(Error::Usage(_))));
        }
        assert_eq!((stated(Some(" ann ")).unwrap(), stated(None).unwrap()), (Some("ann"), None));
        let room = LIMIT - ARN.len() - 3;
        assert_eq!(name(Some(ARN), Some(&"x".repeat(room))).unwrap().len(), LIMIT);
        let long = "x".repeat(room + 1);
        let Err(Error::Usage(why)) = name(Some(ARN), Some(&long)) else { panic!("it was taken") };
        assert!(why.contains(&format!(" {room} bytes")), "{why}");
    }
}
