//! Making files below a directory, and nowhere else.
//!
//! Names come from strangers: from frameworks and from archives. Every step down a path is taken
//! from a directory that is open, and no step follows a link by itself: links are followed here, as
//! far as they stay below the directory. So neither `..`, nor absolute names, nor a link that an
//! earlier entry of an archive made leads out.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

/// How many steps a path may have, links counted.
const MAX_STEPS: usize = 256;

/// Why a file cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It would be somewhere else.
    #[error("'{}' leads out of '{}'", name.display(), root.display())]
    Outside {
        /// The name.
        name: PathBuf,
        /// The directory.
        root: PathBuf,
    },
    /// Whoever reads through the link would be somewhere else.
    #[error(
        "the link '{}' leads to '{}', out of '{}'",
        name.display(), target.display(), root.display()
    )]
    Link {
        /// The name of the link.
        name: PathBuf,
        /// Where it leads.
        target: PathBuf,
        /// The directory.
        root: PathBuf,
    },
    /// The path does not end.
    #[error("'{}' has too many parts", .0.display())]
    Long(PathBuf),
    /// The system does not want to.
    #[error("cannot {what} '{}': {source}", name.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which name.
        name: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A directory below which files are made.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    root: OwnedFd,
}

/// A directory on the way, and how deep it really lies.
struct Parent {
    /// The directories from the first below the root down.
    stack: Vec<OwnedFd>,
    /// The last part of the name.
    name: OsString,
}

impl Place {
    /// Opens the directory; links on the way to it are its owner's affair.
    ///
    /// # Errors
    /// There is no such directory.
    pub fn open(path: &Path) -> Result<Self, PlaceError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = open(path, flags, Mode::empty()).map_err(fail("open", path))?;
        Ok(Self { path: path.to_owned(), root })
    }

    /// Makes a file for writing, with the directories above it, in the place of what has its name.
    /// The process's mask applies to its mode.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn file(&self, name: &Path, mode: u32) -> Result<File, PlaceError> {
        let parent = self.parent(name)?;
        self.clear(&parent, name)?;
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::from_bits_truncate(mode & 0o777);
        let file = openat(self.directory_of(&parent), &*parent.name, flags, mode);
        Ok(File::from(file.map_err(fail("create", name))?))
    }

    /// Makes room for a file that another program will make: the directories above it are there
    /// and nothing has its name. The path is the true one.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn vacant(&self, name: &Path) -> Result<PathBuf, PlaceError> {
        let parent = self.parent(name)?;
        self.clear(&parent, name)?;
        let fd = std::os::fd::AsRawFd::as_raw_fd(&self.directory_of(&parent));
        let true_path = std::fs::read_link(format!("/proc/self/fd/{fd}"))
            .map_err(|source| PlaceError::Io { what: "find", name: name.to_owned(), source })?;
        Ok(true_path.join(parent.name))
    }

    /// Makes a directory that its owner can use, unless it is there.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn directory(&self, name: &Path, mode: u32) -> Result<(), PlaceError> {
        let mut parts = self.parts(name)?;
        // The root itself is there.
        let Some(last) = parts.pop() else { return Ok(()) };
        let mut stack = self.walk(&parts, name)?;
        self.step(&mut stack, &last, mode | 0o700, name, &mut 0)
    }

    /// Makes a symbolic link that leads nowhere else.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn symlink(&self, name: &Path, target: &Path) -> Result<(), PlaceError> {
        let parent = self.parent(name)?;
        let mut depth = parent.stack.len();
        let mut down = false;
        // Going up is allowed first of all only: after a part that may be a link itself, nobody
        // knows where `..` leads.
        let stays = target.components().all(|part| match part {
            Component::Normal(_) => {
                down = true;
                true
            }
            Component::CurDir => true,
            Component::ParentDir if !down && depth > 0 => {
                depth -= 1;
                true
            }
            _ => false,
        });
        if !stays || target.as_os_str().is_empty() {
            let (name, target) = (name.to_owned(), target.to_owned());
            return Err(PlaceError::Link { name, target, root: self.path.clone() });
        }
        self.clear(&parent, name)?;
        symlinkat(target, self.directory_of(&parent), &*parent.name).map_err(fail("link", name))
    }

    /// Gives a file that is below the directory another name.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub fn hard_link(&self, name: &Path, target: &Path) -> Result<(), PlaceError> {
        let from = self.parent(target)?;
        let to = self.parent(name)?;
        let found = self.status(&from).map_err(fail("find", target))?;
        if kind(&found) != SFlag::S_IFREG {
            return Err(fail("link to", target)(Errno::EINVAL));
        }
        // A file keeps its place when it is linked to itself.
        if self.status(&to).is_ok_and(|to| (to.st_dev, to.st_ino) == (found.st_dev, found.st_ino)) {
            return Ok(());
        }
        self.clear(&to, name)?;
        let (old, new) = (self.directory_of(&from), self.directory_of(&to));
        linkat(old, &*from.name, new, &*to.name, AtFlags::empty()).map_err(fail("link", name))
    }

    /// The parts of a name, without any that lead up or away.
    fn parts(&self, name: &Path) -> Result<Vec<OsString>, PlaceError> {
        let outside = || PlaceError::Outside { name: name.to_owned(), root: self.path.clone() };
        let mut parts = Vec::new();
        for part in name.components() {
            match part {
                Component::Normal(part) => parts.push(part.to_owned()),
                Component::CurDir => {}
                _ => return Err(outside()),
            }
            if parts.len() > MAX_STEPS {
                return Err(PlaceError::Long(name.to_owned()));
            }
        }
        Ok(parts)
    }

    fn parent(&self, name: &Path) -> Result<Parent, PlaceError> {
        let mut parts = self.parts(name)?;
        let Some(last) = parts.pop() else {
            return Err(PlaceError::Outside { name: name.to_owned(), root: self.path.clone() });
        };
        Ok(Parent { stack: self.walk(&parts, name)?, name: last })
    }

    /// Goes down, making directories that are missing.
    fn walk(&self, parts: &[OsString], name: &Path) -> Result<Vec<OwnedFd>, PlaceError> {
        let mut stack = Vec::new();
        let mut steps = 0;
        for part in parts {
            self.step(&mut stack, part, 0o755, name, &mut steps)?;
        }
        Ok(stack)
    }

    /// One part of a path; a link becomes as many as it has.
    fn step(
        &self,
        stack: &mut Vec<OwnedFd>,
        part: &OsStr,
        mode: u32,
        name: &Path,
        steps: &mut usize,
    ) -> Result<(), PlaceError> {
        *steps += 1;
        if *steps > MAX_STEPS {
            return Err(PlaceError::Long(name.to_owned()));
        }
        let at = stack.last().map_or(self.root.as_fd(), |fd| fd.as_fd());
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let enter = |at: BorrowedFd<'_>| openat(at, part, flags, Mode::empty());
        let opened = match enter(at) {
            Err(Errno::ENOENT) => {
                let mode = Mode::from_bits_truncate(mode & 0o777);
                mkdirat(at, part, mode).map_err(fail("create", name))?;
                enter(at)
            }
            other => other,
        };
        match opened {
            Ok(fd) => stack.push(fd),
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                let target = readlinkat(at, part).map_err(|_| fail("enter", name)(Errno::ENOTDIR));
                self.follow(stack, Path::new(&target?), name, steps)?;
            }
            Err(error) => return Err(fail("enter", name)(error)),
        }
        Ok(())
    }

    fn follow(
        &self,
        stack: &mut Vec<OwnedFd>,
        target: &Path,
        name: &Path,
        steps: &mut usize,
    ) -> Result<(), PlaceError> {
        for part in target.components() {
            match part {
                Component::CurDir => {}
                Component::Normal(part) => self.step(stack, part, 0o755, name, steps)?,
                Component::ParentDir if stack.pop().is_some() => {}
                _ => {
                    let (name, root) = (name.to_owned(), self.path.clone());
                    return Err(PlaceError::Outside { name, root });
                }
            }
        }
        Ok(())
    }

    fn directory_of<'a>(&'a self, parent: &'a Parent) -> BorrowedFd<'a> {
        parent.stack.last().map_or(self.root.as_fd(), |fd| fd.as_fd())
    }

    fn status(&self, parent: &Parent) -> nix::Result<FileStat> {
        fstatat(self.directory_of(parent), &*parent.name, AtFlags::AT_SYMLINK_NOFOLLOW)
    }

    /// Removes what has the name, unless it is a directory.
    fn clear(&self, parent: &Parent, name: &Path) -> Result<(), PlaceError> {
        match unlinkat(self.directory_of(parent), &*parent.name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(fail("replace", name)(error)),
        }
    }
}

fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

fn fail(what: &'static str, name: &Path) -> impl Fn(Errno) -> PlaceError {
    let name = name.to_owned();
    move |errno| PlaceError::Io { what, name: name.clone(), source: errno.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    fn outside(result: Result<impl Sized, PlaceError>) -> bool {
        matches!(result, Err(PlaceError::Outside { .. } | PlaceError::Link { .. }))
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, beside) = (dir.path().join("in"), dir.path().join("beside"));
        fs::create_dir_all(inside.join("a/b")).unwrap();
        fs::create_dir(&beside).unwrap();
        symlink(&beside, inside.join("away")).unwrap();
        symlink("../../beside", inside.join("a/up")).unwrap();
        symlink("b/../../..", inside.join("a/zigzag")).unwrap();
        let place = Place::open(&inside).unwrap();
        for name in ["../x", "/etc/x", "a/../../x", "away/x", "a/up/x", "a/zigzag/x", "", "."] {
            assert!(outside(place.file(Path::new(name), 0o644)), "{name}");
        }
        assert!(outside(place.directory(Path::new("away/x"), 0o755)));
        assert!(outside(place.hard_link(Path::new("x"), Path::new("away/x"))));
        assert!(outside(place.vacant(Path::new("away/x"))));
        assert_eq!(fs::read_dir(&beside).unwrap().count(), 0);
    }

    #[test]
    fn links_may_lead_around_inside_only() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::open(dir.path()).unwrap();
        let link = |name: &str, target: &str| place.symlink(Path::new(name), Path::new(target));
        link("lib", "lib64").unwrap();
        link("a/bin", "../lib/x").unwrap();
        link("self", ".").unwrap();
        for (name, target) in [
            ("x", "/etc"),
            ("x", ".."),
            ("a/x", "../.."),
            ("x", "a/../.."),
            ("x", "a/.."),
            // However long the name, the link lies in the root.
            ("self/self/self/x", "../y"),
            ("x", ""),
        ] {
            assert!(outside(link(name, target)), "{name} -> {target}");
        }
        place.file(Path::new("lib/z"), 0o644).unwrap();
        assert!(dir.path().join("lib64/z").is_file(), "what a link leads to is made");
    }

    #[test]
    fn a_link_is_replaced_and_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, precious) = (dir.path().join("in"), dir.path().join("precious"));
        fs::create_dir(&inside).unwrap();
        fs::write(&precious, "mine").unwrap();
        symlink(&precious, inside.join("x")).unwrap();
        fs::hard_link(&precious, inside.join("y")).unwrap();
        let place = Place::open(&inside).unwrap();
        for name in ["x", "y"] {
            place.file(Path::new(name), 0o644).unwrap().write_all(b"theirs").unwrap();
            assert_eq!(fs::read_to_string(inside.join(name)).unwrap(), "theirs");
        }
        assert_eq!(fs::read_to_string(precious).unwrap(), "mine");
        assert!(place.file(Path::new("x/y"), 0o644).is_err(), "a file is no directory");
    }

    #[test]
    fn links_in_a_circle_end() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::open(dir.path()).unwrap();
        place.symlink(Path::new("a"), Path::new("b")).unwrap();
        place.symlink(Path::new("b"), Path::new("a")).unwrap();
        assert!(matches!(place.file(Path::new("a/x"), 0o644), Err(PlaceError::Long(_))));
        let long: PathBuf = (0..=MAX_STEPS + 1).map(|_| "d").collect();
        assert!(matches!(place.file(&long, 0o644), Err(PlaceError::Long(_))));
    }

    #[test]
    fn hard_links_are_of_files_inside() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::open(dir.path()).unwrap();
        place.file(Path::new("a/x"), 0o644).unwrap().write_all(b"one").unwrap();
        place.hard_link(Path::new("b/y"), Path::new("a/x")).unwrap();
        place.hard_link(Path::new("a/x"), Path::new("a/x")).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("b/y")).unwrap(), "one");
        assert!(place.hard_link(Path::new("z"), Path::new("a")).is_err());
        assert!(place.hard_link(Path::new("z"), Path::new("nothing")).is_err());
    }
}
