//! What `/help` says about an endpoint.

use std::fmt::Write as _;

/// The documentation of one endpoint, given where its route is made.
///
/// ```
/// use libprocess::http::Help;
/// let help = Help::new("Health check of the master.")
///     .description("Returns 200 OK iff the master is healthy.")
///     .authentication(false);
/// assert!(help.markdown("/master/health").contains("TL;DR"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Help {
    /// One sentence.
    pub tldr: String,
    /// Paragraphs, in markdown.
    pub description: Vec<String>,
    /// Whether the endpoint asks for credentials where its realm has an authenticator. `None`
    /// leaves the section out.
    pub authentication: Option<bool>,
    /// What the asking principal must be allowed to do. Empty leaves the section out.
    pub authorization: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
}

impl Help {
    /// Documentation that is one sentence long so far.
    pub fn new(tldr: impl Into<String>) -> Self {
        Self { tldr: tldr.into(), ..Self::default() }
    }

    /// Adds a paragraph.
    pub fn description(mut self, paragraph: impl Into<String>) -> Self {
        self.description.push(paragraph.into());
        self
    }

    /// Says whether the endpoint asks for credentials.
    pub fn authentication(mut self, required: bool) -> Self {
        self.authentication = Some(required);
        self
    }

    /// Adds a sentence about what the asking principal must be allowed to do.
    pub fn authorization(mut self, sentence: impl Into<String>) -> Self {
        self.authorization.push(sentence.into());
        self
    }

    /// Adds a pointer to more.
    pub fn reference(mut self, reference: impl Into<String>) -> Self {
        self.references.push(reference.into());
        self
    }

    /// The page for the endpoint at `path`, as markdown.
    pub fn markdown(&self, path: &str) -> String {
        let mut page = String::new();
        let _ = write!(page, "### USAGE ###\n>        {path}\n");
        if !self.tldr.is_empty() {
            let _ = write!(page, "\n### TL;DR; ###\n{}\n", self.tldr);
        }
        section(&mut page, "DESCRIPTION", &self.description);
        if let Some(required) = self.authentication {
            let text = if required {
                "This endpoint requires authentication iff HTTP authentication is enabled."
            } else {
                "This endpoint does not require authentication."
            };
            let _ = write!(page, "\n### AUTHENTICATION ###\n{text}\n");
        }
        section(&mut page, "AUTHORIZATION", &self.authorization);
        section(&mut page, "REFERENCES", &self.references);
        page
    }
}

fn section(page: &mut String, title: &str, paragraphs: &[String]) {
    if paragraphs.is_empty() {
        return;
    }
    let _ = write!(page, "\n### {title} ###\n");
    for paragraph in paragraphs {
        let _ = writeln!(page, "{paragraph}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_sections_are_left_out() {
        let page = Help::new("Short.").markdown("/a/b");
        assert_eq!(page, "### USAGE ###\n>        /a/b\n\n### TL;DR; ###\nShort.\n");
    }

    #[test]
    fn a_full_page_has_its_sections_in_order() {
        let page = Help::new("Short.")
            .description("Long.")
            .authentication(true)
            .authorization("May see flags.")
            .reference("docs/flags.md")
            .markdown("/master/flags");
        let order = ["USAGE", "TL;DR", "DESCRIPTION", "AUTHENTICATION", "AUTHORIZATION", "REF"];
        let places: Vec<_> = order.iter().map(|title| page.find(title)).collect();
        assert!(places.iter().all(Option::is_some), "{page}");
        assert!(places.is_sorted(), "{page}");
    }
}
