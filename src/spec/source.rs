//! Data sets as a spec names them: of the catalogue, a file, or a generator with its parameters.

use std::path::Path;

use super::grid;
use super::problem::{Place, Problem, unknown};
use crate::data::fetch::{self, is_sha256};
use crate::data::{Source, catalogue, generator, published};
use crate::task::TaskDef;

/// The data set that a value of a spec means; `None` where it is reported as a problem. Paths start from `folder`, the spec's.
pub fn source(
    task: &TaskDef,
    folder: &Path,
    value: &toml::Value,
    place: &Place,
    problems: &mut Vec<Problem>,
) -> Option<Source> {
    let source = match value {
        toml::Value::String(name) => catalogued(name, folder, place, problems)?,
        toml::Value::Table(table) if table.contains_key("generator") => generated(table, place, problems)?,
        toml::Value::Table(table) if table.contains_key("format") => {
            published(folder, table, place, problems)?
        }
        toml::Value::Table(table) if table.contains_key("path") => {
            file(task, folder, table, place, problems)?
        }
        _ => {
            let message = "a data set is a name, or a table with `generator`, with `format` and `path`, or with `path` and `target`";
            problems.push(Problem::value(place, message));
            return None;
        }
    };
    let form = match source.form() {
        Ok(form) => form,
        Err(error) => {
            problems.push(Problem::value(place, error.to_string()));
            return None;
        }
    };
    let kind = form.target;
    if !task.targets.contains(&kind) {
        let needed: Vec<&str> = task.targets.iter().map(|t| t.word()).collect();
        let message = format!(
            "`{}` has a target of kind {}, but {} needs {}",
            source.label(),
            kind.word(),
            task.name,
            needed.join(" or ")
        );
        let fitting: Vec<&str> =
            task.targets.iter().flat_map(|t| catalogue::names_of(*t, task.tokens)).collect();
        let fitting = fitting.join(", ");
        problems.push(Problem::value(place, message).hint(format!("of the catalogue fit: {fitting}")));
        return None;
    }
    if form.tokens && !task.tokens {
        let message = format!("the rows of `{}` are tokens, but {} needs numbers", source.label(), task.name);
        problems.push(Problem::value(place, message));
        return None;
    }
    Some(source)
}

fn catalogued(name: &str, folder: &Path, place: &Place, problems: &mut Vec<Problem>) -> Option<Source> {
    if catalogue::names().contains(&name) {
        return Some(Source::Catalogue { name: name.to_owned() });
    }
    let (message, hint) = unknown("data set", name, catalogue::names());
    let is_file = folder.join(name).exists();
    let hint =
        if is_file { format!("write {{ path = \"{name}\", target = \"…\" }} for a file") } else { hint };
    problems.push(Problem::value(place, message).hint(hint));
    None
}

fn file(
    task: &TaskDef,
    folder: &Path,
    table: &toml::Table,
    place: &Place,
    problems: &mut Vec<Problem>,
) -> Option<Source> {
    for key in table.keys().filter(|k| !["path", "target"].contains(&k.as_str())) {
        let (message, hint) = unknown("key of a file", key, ["path", "target"]);
        problems.push(Problem::key(&place.at(key), message).hint(hint));
    }
    let text = |key: &str, problems: &mut Vec<Problem>| {
        let text = table.get(key).and_then(toml::Value::as_str);
        if text.is_none() {
            let message = format!("a file needs `{key}`, a text");
            problems.push(Problem::value(&place.at(key), message));
        }
        text
    };
    let (path, target) = (text("path", problems), text("target", problems));
    let (written, target) = (path?, target?);
    let path = folder.join(written);
    if !path.is_file() {
        let message = format!("there is no file {}", path.display());
        problems.push(Problem::value(&place.at("path"), message).hint("paths start from the spec's folder"));
        return None;
    }
    Some(Source::File { path, target: target.to_owned(), kind: task.targets[0] })
}

/// A published data set: `path`, or `url` and `sha256`; every other key is a parameter of its format.
fn published(folder: &Path, table: &toml::Table, at: &Place, problems: &mut Vec<Problem>) -> Option<Source> {
    let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
    let name = text("format").unwrap_or_default();
    let Ok(format) = published::find(name) else {
        let (message, hint) = unknown("format", name, published::FORMATS.iter().map(|f| f.name()));
        problems.push(Problem::value(&at.at("format"), message).hint(hint));
        return None;
    };
    let place = match (text("path"), text("url"), text("sha256")) {
        (Some(path), None, None) => published::Place::Path(folder.join(path)),
        (None, Some(url), Some(sha256)) => {
            if !fetch::is_address(url) {
                let message = format!("`url` is {url}, but must begin with http:// or https://");
                problems.push(Problem::value(&at.at("url"), message));
            }
            if !is_sha256(sha256) {
                let message = format!("`sha256` is {sha256}, but must be 64 digits of 0 to 9 and a to f");
                problems.push(Problem::value(&at.at("sha256"), message));
            }
            published::Place::Archive { url: url.to_owned(), sha256: sha256.to_owned() }
        }
        _ => {
            let message = format!("the format {name} needs `path`, or `url` and `sha256`, as texts");
            problems.push(Problem::value(at, message));
            return None;
        }
    };
    let others = table.iter().filter(|(k, _)| !["format", "path", "url", "sha256"].contains(&k.as_str()));
    let before = problems.len();
    let what = format!("key of the format {name}");
    let given = grid::plain(&what, &format.parameters(), others, at, problems);
    if problems.len() > before {
        return None;
    }
    match Source::published(name, &given, place) {
        Ok(source) => Some(source),
        Err(error) => {
            let problem = Problem::value(&at.at("path"), error.to_string());
            problems.push(problem.hint("paths start from the spec's folder"));
            None
        }
    }
}

fn generated(table: &toml::Table, place: &Place, problems: &mut Vec<Problem>) -> Option<Source> {
    let name = table.get("generator").and_then(toml::Value::as_str).unwrap_or_default();
    let Ok(definition) = generator::find(name) else {
        let (message, hint) = unknown("generator", name, generator::GENERATORS.iter().map(|g| g.name()));
        problems.push(Problem::value(&place.at("generator"), message).hint(hint));
        return None;
    };
    let definitions = definition.parameters();
    let others = table.iter().filter(|(k, _)| *k != "generator");
    let before = problems.len();
    let given =
        grid::plain(&format!("parameter of the generator {name}"), &definitions, others, place, problems);
    if problems.len() > before {
        return None;
    }
    // What concerns several parameters together is checked by the generator itself.
    Source::generator(name, &given).map_err(|e| problems.push(Problem::value(place, e.to_string()))).ok()
}
