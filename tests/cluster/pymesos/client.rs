//! A Python program that is driven by lines of JSON, and says in lines what it hears.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use serde_json::{Value, json};

use crate::daemons::{Cluster, PATIENCE};

/// The Python that has pymesos.
pub fn python() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is below target/");
    let venv = target.join("python/pymesos");
    assert!(
        venv.join(".made").exists(),
        "{} is missing: run `scripts/setup-python.sh`, or `make test`, which does",
        venv.display()
    );
    venv.join("bin/python")
}

/// A program of `tests/python`.
pub fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name)
}

#[derive(Default)]
struct Lines {
    /// What was heard, with the arguments.
    heard: Vec<(String, Vec<Value>)>,
    answers: Vec<Result<Value, String>>,
    has_ended: bool,
}

/// A running program; killed when it is dropped.
pub struct Client {
    child: Child,
    input: ChildStdin,
    lines: Arc<(Mutex<Lines>, Condvar)>,
}

impl Client {
    /// Starts a program of `tests/python`. What it complains of is printed with the daemons' logs.
    pub fn start(cluster: &Cluster, name: &str, arguments: &[String]) -> Self {
        let log = File::options().create(true).append(true).open(cluster.folder().join("py.log"));
        let mut child = Command::new(python())
            .arg(program(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log.expect("the folder is there"))
            .spawn()
            .expect("Python starts");
        let lines = Arc::new((Mutex::new(Lines::default()), Condvar::new()));
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let shared = lines.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                note(&mut shared.0.lock().expect("no test panics here"), &line);
                shared.1.notify_all();
            }
            shared.0.lock().expect("no test panics here").has_ended = true;
            shared.1.notify_all();
        });
        Self { child, input, lines }
    }

    /// Calls the driver, and gives what it returned, or the text of what it raised.
    pub fn try_call(&mut self, name: &str, arguments: Value) -> Result<Value, String> {
        let mut line = vec![json!(name)];
        line.extend(arguments.as_array().expect("arguments are a list").iter().cloned());
        let count = self.lines.0.lock().expect("no test panics here").answers.len();
        writeln!(self.input, "{}", Value::from(line)).expect("it reads its input");
        self.wait(&format!("an answer to {name}"), |lines| lines.answers.get(count).cloned())
    }

    /// Calls the driver, and gives what it returned.
    pub fn call(&mut self, name: &str, arguments: Value) -> Value {
        self.try_call(name, arguments).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Waits until a callback with arguments that suit was heard, and gives them.
    pub fn wait_for(&self, callback: &str, suits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        self.wait(callback, |lines| {
            let suiting = |(name, args): &&(String, Vec<Value>)| name == callback && suits(args);
            lines.heard.iter().find(suiting).map(|(_, arguments)| arguments.clone())
        })
    }

    /// All calls of a callback so far, in order.
    pub fn heard(&self, callback: &str) -> Vec<Vec<Value>> {
        let lines = self.lines.0.lock().expect("no test panics here");
        let calls = lines.heard.iter().filter(|(name, _)| name == callback);
        calls.map(|(_, arguments)| arguments.clone()).collect()
    }

    /// Waits until a callback was heard this often, and gives all of its calls.
    pub fn wait_for_count(&self, callback: &str, count: usize) -> Vec<Vec<Value>> {
        self.wait(&format!("{count} times {callback}"), |lines| {
            let calls = lines.heard.iter().filter(|(name, _)| name == callback);
            (calls.count() >= count).then_some(())
        });
        self.heard(callback)
    }

    fn wait<T>(&self, what: &str, found: impl Fn(&Lines) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let mut lines = self.lines.0.lock().expect("no test panics here");
        loop {
            if let Some(value) = found(&lines) {
                return value;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || lines.has_ended {
                let heard: Vec<String> =
                    lines.heard.iter().map(|(name, args)| brief(name, args)).collect();
                // No panic with the lock held: other threads want it.
                drop(lines);
                panic!("waited in vain: {what}; heard\n  {}", heard.join("\n  "));
            }
            lines = self.lines.1.wait_timeout(lines, left).expect("no test panics here").0;
        }
    }

    /// Waits for the end of the program, and gives its exit status.
    pub fn join(&mut self) -> Option<i32> {
        let end = |lines: &Lines| lines.has_ended.then_some(());
        self.wait("the end of the program", end);
        self.child.wait().expect("it is a child").code()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        // It may have ended by itself; either way it is no more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Takes down one line of the output.
fn note(lines: &mut Lines, line: &str) {
    let Ok(Value::Array(mut parts)) = serde_json::from_str(line) else {
        return lines.heard.push((format!("not a line of ours: {line}"), Vec::new()));
    };
    let name = if parts.is_empty() { Value::Null } else { parts.remove(0) };
    match name.as_str().unwrap_or_default() {
        "returned" => lines.answers.push(Ok(parts.pop().unwrap_or_default())),
        "raised" => {
            let text = parts.pop().unwrap_or_default();
            lines.answers.push(Err(text.as_str().unwrap_or_default().to_owned()));
        }
        name => lines.heard.push((name.to_owned(), parts)),
    }
}

/// A line for whoever looks for the cause of a failure.
fn brief(name: &str, arguments: &[Value]) -> String {
    let text: String = Value::from(arguments.to_vec()).to_string().chars().take(300).collect();
    format!("{name} {text}")
}

/// What the program wrote into a file of the test, if it is there.
pub fn written(cluster: &Cluster, name: &str) -> String {
    fs::read_to_string(cluster.folder().join(name)).unwrap_or_default()
}
