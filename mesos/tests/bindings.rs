//! `docs/guides/bindings.md` tells authors of bindings which fields have short keys.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use mesos::schema::{Kind, Message, Schema};
use mesos::v1::{agent, executor, master, scheduler};

#[test]
fn the_page_lists_every_short_key() {
    let mut seen = BTreeSet::new();
    let mut rows = BTreeSet::new();
    for schema in [
        scheduler::Call::schema(),
        scheduler::Event::schema(),
        executor::Call::schema(),
        executor::Event::schema(),
        master::Call::schema(),
        master::Event::schema(),
        master::Response::schema(),
        agent::Call::schema(),
        agent::Response::schema(),
    ] {
        visit(schema, &mut seen, &mut rows);
    }
    assert!(rows.len() > 30, "{rows:?}");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/bindings.md");
    let page = fs::read_to_string(&path).expect("the page can be read");
    let head = "| message | field | key |\n|---|---|---|\n";
    let (text, _) = page.split_once(head).expect("the table is the last thing on the page");
    let mut fresh = format!("{text}{head}");
    for (message, field, key) in rows {
        writeln!(fresh, "| {message} | `{field}` | `{key}` |").expect("a string takes everything");
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        return fs::write(&path, &fresh).expect("the page can be written");
    }
    assert!(page == fresh, "{} is stale; run this test with UPDATE_DOCS=1", path.display());
}

type Row = (&'static str, &'static str, &'static str);

fn visit(schema: &'static Schema, seen: &mut BTreeSet<*const Schema>, rows: &mut BTreeSet<Row>) {
    if !seen.insert(std::ptr::from_ref(schema)) {
        return;
    }
    for field in schema.fields {
        if field.key != field.name {
            rows.insert((schema.name, field.name, field.key));
        }
        if let Kind::Message(inner) = field.kind {
            visit(inner(), seen, rows);
        }
    }
}
