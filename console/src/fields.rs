//! Fields of an address or a form, as they were sent.

/// Names with their values, in their order; a name may come more than once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a query, or the body of a form.
    pub(crate) fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Reads the query of an address.
    pub(crate) fn of(uri: &axum::http::Uri) -> Self {
        Self::read(uri.query().unwrap_or_default().as_bytes())
    }

    /// Returns the first value of a name that is more than blanks, without the blanks around it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.exact(name).map(str::trim).filter(|value| !value.is_empty())
    }

    /// The same fields, with this value for a name that has none.
    pub(crate) fn or(&self, name: &str, value: &str) -> Self {
        let mut fields = self.clone();
        if fields.get(name).is_none() {
            fields.0.insert(0, (name.to_owned(), value.to_owned()));
        }
        fields
    }

    /// Returns the first value of a name as it was sent.
    pub(crate) fn exact(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns every value of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns true if a box of this name was ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Makes the query of an address of the values that are there.
pub(crate) fn query<'a>(path: &str, values: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (name, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.append_pair(name, value);
    }
    let text = text.finish();
    if text.is_empty() { path.to_owned() } else { format!("{path}?{text}") }
}
