//! Who sits at this machine. Nothing proves it: AWS's own trail says whose credentials invoked the function.

use std::fs;

use crate::ended::Error;

/// The user, of whichever variable names one, and the host.
pub(crate) fn user_at_host() -> Result<String, Error> {
    let named = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let nobody = || Error::Usage("who asks? Neither --by nor the environment says".to_owned());
    let user = named("USER").or_else(|| named("LOGNAME")).or_else(|| named("USERNAME")).ok_or_else(nobody)?;
    let file = || fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
    let host = named("HOSTNAME").or_else(file).filter(|name| !name.is_empty());
    Ok(format!("{user}@{}", host.unwrap_or_else(|| "an unnamed host".to_owned())))
}
