//! check_host() (RFC 7208 section 4).

use std::pin::Pin;

use super::domain::{has_policy, is_within};
use super::lookups::Lookups;
use super::macros::{DomainSpec, Values};
use super::query::Subject;
use super::record::{Lengths, Mechanism, Record, Selection, select};
use super::result::SpfResult;
use super::trouble::Trouble;

/// One evaluation, with everything it has found out.
pub(super) struct Session<'a> {
    pub(super) subject: &'a Subject,
    pub(super) lookups: Lookups<'a>,
    /// The validated names of the client, once somebody has asked for them.
    names: Option<Vec<String>>,
}

/// What one record says.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) result: SpfResult,
    /// The term that matched.
    pub(super) mechanism: Option<String>,
    /// The domain whose record it is.
    pub(super) domain: String,
    /// Where its explanation is.
    pub(super) explanation: Option<DomainSpec>,
}

type Checking<'a> = Pin<Box<dyn Future<Output = Result<Verdict, Trouble>> + Send + 'a>>;

impl<'a> Session<'a> {
    pub(super) fn new(subject: &'a Subject, lookups: Lookups<'a>) -> Self {
        Self { subject, lookups, names: None }
    }

    /// What `domain` says about the client. Calls itself for `include` and `redirect`: every call but the first is one
    /// of the terms that are limited (section 4.6.4), so that it is never deep.
    pub(super) fn check_host(&mut self, domain: String) -> Checking<'_> {
        Box::pin(async move {
            let Some(record) = self.record(&domain).await? else {
                return Ok(Verdict { result: SpfResult::None, mechanism: None, domain, explanation: None });
            };
            // From left to right, until one matches (section 4.6.2).
            for directive in record.directives {
                if self.matches(&directive.mechanism, &domain).await? {
                    let (result, mechanism) = (directive.result, Some(directive.text));
                    return Ok(Verdict { result, mechanism, domain, explanation: record.explanation });
                }
            }
            match record.redirect {
                Some(target) => self.redirect(&target, &domain).await,
                // "If none of the mechanisms match and there is no "redirect" modifier, then the check_host() returns a
                // result of "neutral", just as if "?all" were specified as the last directive" (section 4.7).
                None => Ok(Verdict { result: SpfResult::Neutral, mechanism: None, domain, explanation: None }),
            }
        })
    }

    /// Fetches, selects and reads the record (sections 4.3 to 4.6).
    async fn record(&self, domain: &str) -> Result<Option<Record>, Trouble> {
        // "If the <domain> is malformed […] or is not a multi-label domain name, or if the DNS lookup returns "Name
        // Error" […], check_host() immediately returns the result "none"" (section 4.3).
        if !has_policy(domain) {
            return Ok(None);
        }
        match select(self.lookups.texts(domain).await?) {
            Selection::Nothing => Ok(None),
            Selection::Several => Err(Trouble::SeveralRecords { domain: domain.to_owned() }),
            Selection::One(record) => match Record::parse(&record) {
                Ok(record) => Ok(Some(record)),
                Err(error) => Err(Trouble::Syntax { domain: domain.to_owned(), error }),
            },
        }
    }

    /// Section 5.
    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Trouble> {
        if mechanism.asks() {
            self.lookups.count_term()?;
        }
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip(network) => Ok(network.contains(&self.subject.ip)),
            Mechanism::Include(target) => self.include(target, domain).await,
            Mechanism::A(target, lengths) => {
                let target = self.target(target.as_ref(), domain).await?;
                self.has_host(&target, *lengths).await
            }
            Mechanism::Mx(target, lengths) => {
                let target = self.target(target.as_ref(), domain).await?;
                self.has_exchanger(&target, *lengths).await
            }
            Mechanism::Ptr(target) => {
                let target = self.target(target.as_ref(), domain).await?;
                Ok(self.names().await.iter().any(|name| is_within(name, &target)))
            }
            Mechanism::Exists(target) => {
                let target = self.expand(target, domain).await?;
                self.lookups.exists(&target).await
            }
        }
    }

    /// Section 5.2: only `pass` matches, and no record is an error.
    async fn include(&mut self, target: &DomainSpec, domain: &str) -> Result<bool, Trouble> {
        let target = self.expand(target, domain).await?;
        let verdict = self.check_host(target).await?;
        match verdict.result {
            SpfResult::Pass => Ok(true),
            SpfResult::None => Err(Trouble::NoRecord { domain: verdict.domain }),
            _ => Ok(false),
        }
    }

    /// Section 6.1: "if no SPF record is found, or if the <target-name> is malformed, the result is a "permerror"
    /// rather than "none"". The explanation is that of the new domain (section 6.2).
    async fn redirect(&mut self, target: &DomainSpec, domain: &str) -> Result<Verdict, Trouble> {
        self.lookups.count_term()?;
        let target = self.expand(target, domain).await?;
        let verdict = self.check_host(target).await?;
        match verdict.result {
            SpfResult::None => Err(Trouble::NoRecord { domain: verdict.domain }),
            _ => Ok(verdict),
        }
    }

    /// Section 5.3.
    async fn has_host(&mut self, name: &str, lengths: Lengths) -> Result<bool, Trouble> {
        let client = self.subject.ip;
        let hosts = self.lookups.addresses(name, client).await?;
        Ok(hosts.into_iter().any(|host| lengths.match_hosts(client, host)))
    }

    /// Section 5.4. A domain without exchangers is not its own exchanger here.
    async fn has_exchanger(&mut self, domain: &str, lengths: Lengths) -> Result<bool, Trouble> {
        for exchanger in self.lookups.exchangers(domain).await? {
            if self.has_host(&exchanger, lengths).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// "If it is not provided, the <domain> from the check_host() arguments is used" (section 4.8).
    async fn target(&mut self, target: Option<&DomainSpec>, domain: &str) -> Result<String, Trouble> {
        match target {
            Some(target) => self.expand(target, domain).await,
            None => Ok(domain.to_owned()),
        }
    }

    async fn expand(&mut self, target: &DomainSpec, domain: &str) -> Result<String, Trouble> {
        if target.needs_names() && self.names.is_none() {
            // "When evaluating the "ptr" mechanism or the %{p} macro, the number of "PTR" resource records queried is
            // included in the overall limit of 10" (section 4.6.4).
            self.lookups.count_term()?;
            self.names().await;
        }
        Ok(target.expand(&self.values(domain)))
    }

    /// What macros stand for; validated names only if they have been asked for.
    pub(super) fn values<'b>(&'b self, domain: &'b str) -> Values<'b> {
        Values { subject: self.subject, domain, names: self.names.as_deref().unwrap_or_default() }
    }

    /// The validated names of the client (section 5.5), looked up once.
    pub(super) async fn names(&mut self) -> &[String] {
        if self.names.is_none() {
            self.names = Some(self.lookups.validated_names(self.subject.ip).await);
        }
        self.names.as_deref().unwrap_or_default()
    }
}
