//! Names of the people who acted.

/// A name as a table has room for it: of an ARN what stands last, the user or the session.
pub fn short(name: &str) -> &str {
    let arn = name.split_once(" (").map_or(name, |(arn, _)| arn);
    if !arn.starts_with("arn:") {
        return name;
    }
    &name[arn.rfind(['/', ':']).map_or(0, |end| end + 1)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sts::123456789012:assumed-role/on-call/ann";

    #[test]
    fn a_table_shows_of_an_arn_the_user_or_the_session_and_of_another_name_all() {
        for (name, seen) in [
            (ARN, "ann"),
            (&format!("{ARN} (on call a/b:c)"), "ann (on call a/b:c)"),
            ("arn:aws:iam::123456789012:root", "root"),
            ("arn:aws:iam::123456789012:user/team/ann", "ann"),
            ("ann@desk (unverified)", "ann@desk (unverified)"),
            ("team/ann", "team/ann"),
        ] {
            assert_eq!(short(name), seen, "{name}");
        }
    }
}
