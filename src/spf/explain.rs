//! What a domain tells those whom it fails (RFC 7208 section 6.2).

use super::evaluate::{Session, Verdict};
use super::macros::MacroString;
use super::result::SpfResult;

impl Verdict {
    /// Does the domain want to say why?
    pub(super) fn is_explained(&self) -> bool {
        self.result == SpfResult::Fail && self.explanation.is_some()
    }
}

impl Session<'_> {
    /// The explanation. "If there are any DNS processing errors (any RCODE other than 0), or if no records are
    /// returned, or if more than one record is returned, or if there are syntax errors in the explanation string, then
    /// proceed as if no "exp" modifier was given." It costs none of the limited lookups (section 4.6.4).
    pub(super) async fn explain(&mut self, verdict: &Verdict) -> Option<String> {
        let target = verdict.explanation.as_ref()?;
        if target.needs_names() {
            self.names().await;
        }
        let target = target.expand(&self.values(&verdict.domain));
        let texts = self.lookups.texts(&target).await.ok()?;
        let [text] = texts.as_slice() else { return None };
        let text = MacroString::in_explanation(str::from_utf8(text).ok()?).ok()?;
        if text.needs_names() {
            self.names().await;
        }
        text.explain(&self.values(&verdict.domain)).filter(|text| !text.is_empty())
    }
}
