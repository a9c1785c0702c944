//! The log file: named as glog names it, behind a link with a short name, started anew when large.

use super::format::LocalTime;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// From this size on a new file is begun, as glog does.
const FILE_LIMIT_BYTES: u64 = 1800 * 1024 * 1024;

/// The present log file of a program.
pub(super) struct LogFile {
    folder: PathBuf,
    program: String,
    link: PathBuf,
    file: File,
    size_bytes: u64,
}

impl LogFile {
    /// Begins a file in `folder`, which is made if it is missing.
    pub fn create(folder: &Path, program: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let link = folder.join(format!("{program}.INFO"));
        let (folder, program) = (folder.to_owned(), program.to_owned());
        let file = begin(&folder, &program, &link)?;
        Ok(Self { folder, program, link, file, size_bytes: 0 })
    }

    /// The link to the present file.
    pub fn link(&self) -> &Path {
        &self.link
    }

    /// Writes a line.
    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.size_bytes > FILE_LIMIT_BYTES {
            self.file = begin(&self.folder, &self.program, &self.link)?;
            self.size_bytes = 0;
        }
        self.file.write_all(line)?;
        self.size_bytes += line.len() as u64;
        Ok(())
    }
}

fn begin(folder: &Path, program: &str, link: &Path) -> io::Result<File> {
    let now = LocalTime::now();
    let host = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .unwrap_or_else(|| "localhost".to_owned());
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid())
        .ok()
        .flatten()
        .map_or_else(|| "unknown".to_owned(), |user| user.name);
    let name = format!(
        "{program}.{host}.{user}.log.INFO.{:04}{:02}{:02}-{:02}{:02}{:02}.{}",
        now.year,
        now.month,
        now.day,
        now.hour,
        now.minute,
        now.second,
        std::process::id()
    );
    let file = OpenOptions::new().create(true).append(true).open(folder.join(&name))?;
    // Made beside and moved over, so that readers always find a file behind the link.
    let fresh = folder.join(format!(".{program}.INFO.{}", std::process::id()));
    let _ = std::fs::remove_file(&fresh);
    std::os::unix::fs::symlink(&name, &fresh)?;
    std::fs::rename(&fresh, link)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_behind_the_link() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("logs");
        let mut file = LogFile::create(&folder, "mesos-test").unwrap();
        file.write(b"one\n").unwrap();
        file.size_bytes = FILE_LIMIT_BYTES + 1;
        file.write(b"two\n").unwrap();
        let text = std::fs::read_to_string(folder.join("mesos-test.INFO")).unwrap();
        assert!(text.ends_with("two\n"), "{text}");
        let real = std::fs::read_link(folder.join("mesos-test.INFO")).unwrap();
        assert!(real.to_str().unwrap().contains(".log.INFO.20"), "{real:?}");
    }
}
