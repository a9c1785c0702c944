//! Counts the words of all text files below a folder, on a cluster.
//!
//! `wordcount [--master=HOST:PORT] FOLDER` cuts the files into slices, launches a task per slice
//! through offers, launches again what is lost or fails, and merges what the tasks leave in their
//! sandboxes. A task is this program again, as `wordcount --count FILE:START:END...`: all machines
//! need the program and the folder at the same paths, for example on a shared disk.
//!
//! A word is a run of letters and digits of any script, in lower case; what is no UTF-8 separates
//! words. A text file has no NUL in its first 8 KB. Links, `.git` and `target` are skipped.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{BufRead, BufReader, IsTerminal, Read, Seek, SeekFrom};
use std::time::{Duration, Instant};
use std::{error::Error, fs, fs::File, path::Path, process::ExitCode};

use mesos_framework::*;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ATTEMPTS: u32 = 5;
const TIMEOUT: Duration = Duration::from_secs(60);
const RESULT_FILE: &str = "words";

/// What a task does: counts the words of its pieces into a file in its sandbox.
fn count(pieces: &[&str]) -> Outcome<()> {
    let mut counts = HashMap::new();
    for piece in pieces {
        count_piece(piece, &mut counts).map_err(|error| format!("{piece}: {error}"))?;
    }
    let lines: String = counts.iter().map(|(word, count)| format!("{count} {word}\n")).collect();
    Ok(fs::write(RESULT_FILE, lines)?)
}

/// A line belongs to the piece in which it begins.
fn count_piece(piece: &str, counts: &mut HashMap<String, u64>) -> Outcome<()> {
    let mut parts = piece.rsplitn(3, ':');
    let mut part = || parts.next().ok_or("expecting FILE:START:END");
    let (end, mut position, path): (u64, u64, _) = (part()?.parse()?, part()?.parse()?, part()?);
    let mut file = BufReader::new(File::open(path)?);
    if position > 0 {
        file.seek(SeekFrom::Start(position - 1))?;
        position += file.skip_until(b'\n')? as u64 - 1;
    }
    let mut line = Vec::new();
    while position < end && file.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line).to_lowercase();
        for word in text.split(|letter: char| !letter.is_alphanumeric()) {
            *counts.entry(word.to_owned()).or_default() += u64::from(!word.is_empty());
        }
        position += line.len() as u64;
        line.clear();
    }
    counts.remove("");
    Ok(())
}

/// Names and sizes of all text files below a folder.
fn text_files(folder: &Path, found: &mut Vec<(String, u64)>) -> Outcome<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() && entry.file_name() != ".git" && entry.file_name() != "target" {
            text_files(&path, found)?;
        } else if kind.is_file() {
            let mut head = Vec::new();
            File::open(&path)?.take(8192).read_to_end(&mut head)?;
            let name = path.to_str().ok_or("a file's name is not UTF-8")?;
            found.extend((!head.contains(&0)).then_some((name.into(), entry.metadata()?.len())));
        }
    }
    Ok(())
}

/// The files in slices of about the same size, each as a command line, which has its limits too.
fn slices(files: &[(String, u64)]) -> Outcome<Vec<Vec<String>>> {
    let command = vec![std::env::current_exe()?.display().to_string(), "--count".to_owned()];
    let total: u64 = files.iter().map(|(_, size)| size).sum();
    let target = (total / 64).clamp(64 << 10, 32 << 20);
    let (mut slices, mut slice, mut filled) = (vec![], command.clone(), 0);
    for (name, size) in files {
        let mut start = 0;
        while start < *size {
            let end = (start + target - filled).min(*size);
            slice.push(format!("{name}:{start}:{end}"));
            (filled, start) = (filled + end - start, end);
            if filled >= target || slice.len() >= 400 {
                slices.push(std::mem::replace(&mut slice, command.clone()));
                filled = 0;
            }
        }
    }
    slices.extend((filled > 0).then_some(slice));
    Ok(slices)
}

/// The framework: which slices wait, which run and where, and what is counted so far.
#[derive(Default)]
struct WordCount {
    slices: Vec<Vec<String>>,
    waiting: VecDeque<(usize, u32)>,
    running: HashMap<TaskId, (usize, u32, AgentId)>,
    agents: BTreeSet<AgentId>,
    counts: HashMap<String, u64>,
    failure: Option<String>,
}

impl WordCount {
    fn merge(&mut self, driver: &Driver, status: &TaskStatus) -> Outcome<()> {
        let result = String::from_utf8(driver.sandbox(status)?.read(RESULT_FILE, 1 << 30)?)?;
        let pairs = result.lines().map(|line| line.split_once(' ').ok_or("no COUNT WORD"));
        for (count, word) in pairs.collect::<Result<Vec<_>, _>>()? {
            *self.counts.entry(word.to_owned()).or_default() += count.parse::<u64>()?;
        }
        self.agents.extend(status.agent_id.clone());
        let (all, agents) = (self.slices.len(), self.agents.len());
        let done = all - self.waiting.len() - self.running.len();
        if std::io::stderr().is_terminal() {
            let (bar, end) = ("#".repeat(done * 40 / all), if done == all { "\n" } else { "" });
            eprint!("\r[{bar:.<40}] {done}/{all} tasks, {agents} agents{end}");
        } else if done * 10 / all > (done - 1) * 10 / all {
            eprintln!("{done}/{all} tasks, {agents} agents");
        }
        Ok(())
    }
}

impl Scheduler for WordCount {
    fn subscribed(&mut self, driver: &Driver, _: &SubscribedEvent) {
        driver.reconcile(self.running.iter().map(|(id, (_, _, agent))| (id, Some(agent))));
    }

    fn offers(&mut self, driver: &Driver, offers: Vec<Offer>) {
        for offer in offers {
            let (mut room, mut tasks) = (Room::of(&offer), Vec::new());
            while let Some(&(slice, attempt)) = self.waiting.front() {
                let task = Task::command(format!("{slice}.{attempt}"), &self.slices[slice]);
                let Some(task) = room.place(&task.cpus(0.5).mem(64.0)) else { break };
                let agent = offer.agent_id.clone();
                self.running.insert(task.task_id.clone(), (slice, attempt, agent));
                self.waiting.pop_front();
                tasks.push(task);
            }
            driver.launch(&offer, tasks);
        }
    }

    fn update(&mut self, driver: &Driver, status: TaskStatus) {
        if !status.state.is_terminal() && status.state != TaskState::Unknown {
            return;
        }
        let Some((slice, attempt, _)) = self.running.remove(&status.task_id) else { return };
        let result = match (status.state, &status.message) {
            (TaskState::Finished, _) => self.merge(driver, &status),
            (state, message) => Err(format!("{state} {}", message.as_deref().unwrap_or("")).into()),
        };
        if let Err(error) = result {
            if attempt == ATTEMPTS {
                self.failure = Some(format!("slice {slice} failed: {error}"));
            }
            self.waiting.push_back((slice, attempt + 1));
            driver.revive(&[]);
        }
        if self.failure.is_some() || self.waiting.len() + self.running.len() == 0 {
            driver.teardown();
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let framework = Framework::new("wordcount").failover_timeout(TIMEOUT).give_up_after(TIMEOUT);
    let result = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--count", pieces @ ..] => count(pieces),
        [flag, dir] if flag.starts_with("--master=") => run(framework.master(&flag[9..]), dir),
        [folder] => run(framework, folder),
        _ => Err("usage: wordcount [--master=HOST:PORT] FOLDER".into()),
    };
    result.inspect_err(|error| eprintln!("wordcount: {error}")).map_or(1, |()| 0).into()
}

fn run(framework: Framework, folder: &str) -> Outcome<()> {
    let (started, mut files) = (Instant::now(), Vec::new());
    let path = fs::canonicalize(folder).map_err(|error| format!("'{folder}': {error}"))?;
    text_files(&path, &mut files)?;
    let slices = slices(&files)?;
    let tasks = slices.len();
    let waiting = (0..tasks).map(|slice| (slice, 1)).collect();
    let mut result = WordCount { slices, waiting, ..WordCount::default() };
    if tasks > 0 {
        result = framework.run(result)?;
    }
    result.failure.map_or(Ok(()), Err)?;
    let mut words: Vec<_> = result.counts.into_iter().collect();
    words.sort_by(|(a, many), (b, more)| more.cmp(many).then_with(|| a.cmp(b)));
    words.iter().take(20).for_each(|(word, count)| println!("{count:>10}  {word}"));
    let total: u64 = words.iter().map(|(_, count)| count).sum();
    println!("{total} words, {} different, in {} files", words.len(), files.len());
    println!("{tasks} tasks on {} agents in {:.1?}", result.agents.len(), started.elapsed());
    Ok(())
}
