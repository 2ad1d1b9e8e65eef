//! The page for people: how it goes, how everything is, and why a mail was refused.

mod chart;
mod condition;
mod decisions;
mod figures;
mod shown;

use hyper::header::CONTENT_TYPE;
use hyper::http::HeaderValue;
use hyper::{Response, StatusCode};

use super::html::Html;
use super::search::Search;
use super::status::Status;
use crate::net::host_name;
use crate::store::Journal;

/// The style sheet: light or dark, as the reader likes it; wide or narrow.
pub(super) const STYLE: &str = include_str!("style.css");

/// The page at `/`: everything at a glance, or what was looked for.
pub(super) async fn overview(status: &Status, journal: &dyn Journal, query: &str) -> Response<String> {
    let search = Search::parse(query);
    let mut body = condition::headline(status);
    if search.is_empty() {
        let [figures, times] = figures::sections(journal, status.time).await;
        body.push(&figures);
        body.push(&decisions::section(journal, &search, status.time).await);
        body.push(&condition::sections(status));
        body.push(&times);
    } else {
        body.push(&decisions::section(journal, &search, status.time).await);
    }
    page(StatusCode::OK, "postward", &body)
}

/// The page of one decision, at `/decision?id=N`.
pub(super) async fn decision(journal: &dyn Journal, query: &str) -> Response<String> {
    let id =
        form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "id").and_then(|(_, id)| id.parse().ok());
    let Some(id) = id else { return missing() };
    match journal.record(id).await {
        Ok(Some((record, back))) => page(StatusCode::OK, "Decision", &decisions::in_full(&record, back)),
        Ok(None) => missing(),
        Err(error) => page(StatusCode::SERVICE_UNAVAILABLE, "Decision", &unavailable(&error)),
    }
}

fn missing() -> Response<String> {
    let body = Html::element("p", &[], &Html::of("There is no such decision, or it is not kept any more."));
    page(StatusCode::NOT_FOUND, "Decision", &body)
}

/// What is said where the database should have told something.
fn unavailable(error: &dyn std::fmt::Display) -> Html {
    Html::element("p", &[("class", &"bad")], &Html::text(format_args!("The database cannot be read: {error}")))
}

/// A part of the page with a heading.
fn section(heading: &'static str, content: &Html) -> Html {
    let heading = Html::element("h2", &[], &Html::of(heading));
    Html::element("section", &[], &[heading, content.clone()].into_iter().collect())
}

fn paragraph(text: impl std::fmt::Display) -> Html {
    Html::element("p", &[], &Html::text(text))
}

fn page(status: StatusCode, title: &'static str, body: &Html) -> Response<String> {
    const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
        <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"stylesheet\" href=\"/style.css\">";
    // Who looks after several hosts has a page of each open.
    let host = Html::text(host_name());
    let title = Html::element("title", &[], &[Html::of(title), Html::of(" at "), host.clone()].into_iter().collect());
    let header = format!("</head><body><header><h1><a href=\"/\">postward</a> at {host}</h1></header><main>");
    let mut response = Response::new(format!("{HEAD}{title}{header}{body}</main></body></html>\n"));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}
