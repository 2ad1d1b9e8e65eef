//! Pages, put together so that no text of a stranger becomes markup.

use std::fmt::{self, Display, Write as _};

use crate::text::printable;

/// The most octets of one text in a page.
const MAX_TEXT: usize = 1000;

/// Markup. It is only ever made of our own words and of escaped text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Markup of ours, as it stands in the program.
    pub fn of(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// Somebody's text, which is no markup whatever it says.
    pub fn text(text: impl Display) -> Self {
        Self(escaped(&text.to_string()))
    }

    /// Adds what follows.
    pub fn push(&mut self, html: &Self) -> &mut Self {
        self.0.push_str(&html.0);
        self
    }

    /// `<name attributes>content</name>`
    #[must_use]
    pub fn element(name: &'static str, attributes: &[(&'static str, &dyn Display)], content: &Self) -> Self {
        let mut html = Self::tag(name, attributes);
        let _ = write!(html.0, "{}</{name}>", content.0);
        html
    }

    /// `<name attributes>`, for elements without content.
    #[must_use]
    pub fn tag(name: &'static str, attributes: &[(&'static str, &dyn Display)]) -> Self {
        let mut html = format!("<{name}");
        for (attribute, value) in attributes {
            let _ = write!(html, " {attribute}=\"{}\"", escaped(&value.to_string()));
        }
        html.push('>');
        Self(html)
    }
}

impl Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromIterator<Self> for Html {
    fn from_iter<T: IntoIterator<Item = Self>>(parts: T) -> Self {
        parts.into_iter().fold(Self::default(), |mut all, part| {
            all.push(&part);
            all
        })
    }
}

/// A table, in a box of its own that scrolls on a narrow screen. Cells are markup already.
pub fn table<const N: usize>(header: [&'static str; N], rows: impl IntoIterator<Item = [Html; N]>) -> Html {
    let cells = |name: &'static str, cells: [Html; N]| -> Html {
        let cells = cells.into_iter().map(|cell| Html::element(name, &[], &cell)).collect();
        Html::element("tr", &[], &cells)
    };
    let head = Html::element("thead", &[], &cells("th", header.map(Html::of)));
    let body = Html::element("tbody", &[], &rows.into_iter().map(|row| cells("td", row)).collect());
    let table = Html::element("table", &[], &[head, body].into_iter().collect());
    Html::element("div", &[("class", &"wide")], &table)
}

/// Text as it stands in markup and in quoted attributes (HTML 13.1.2.3), cleaned and bounded.
fn escaped(text: &str) -> String {
    let text = printable(text, MAX_TEXT);
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_is_never_markup() {
        for (text, expected) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\"onload='x' a=\"", "&quot;onload=&#39;x&#39; a=&quot;"),
            ("&lt;", "&amp;lt;"),
            ("größe", "größe"),
            ("a\u{202e}b\0", "a\\u{202e}b\\u{0}"),
        ] {
            assert_eq!(Html::text(text).to_string(), expected);
            assert_eq!(Html::tag("a", &[("title", &text)]).to_string(), format!("<a title=\"{expected}\">"));
        }
        assert!(Html::text("<".repeat(100_000)).to_string().len() < 10_000);
    }

    #[test]
    fn a_table_has_its_cells_in_order() {
        let html = table(["One", "Two"], [[Html::text("a<b"), Html::of("<b>c</b>")]]).to_string();
        assert!(html.contains("<th>One</th><th>Two</th>"), "{html}");
        assert!(html.contains("<td>a&lt;b</td><td><b>c</b></td>"), "{html}");
    }
}
