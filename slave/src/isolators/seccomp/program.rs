//! A profile as the kernel runs it: a program of jumps over the number of a call and its arguments.
//!
//! ```text
//!   other architecture? ── kill
//!   number == 1? ── action              (a rule without arguments)
//!   number == 2? ── argument 0 fits? ── argument 1 fits? ── action
//!   …
//!   default action
//! ```
//!
//! The first rule that fits decides.

use nix::libc::{self, sock_filter, sock_fprog};

use super::Set;
use super::profile::{Action, Argument, Filter, Operator, Profile, Rule};

/// The longest program that the kernel takes.
const MAX_LENGTH: usize = 4096;

/// Numbers from here on are those of another way to make calls (x32).
#[cfg(target_arch = "x86_64")]
const FOREIGN_NUMBERS: Option<u32> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const FOREIGN_NUMBERS: Option<u32> = None;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: (u32, &str) = (0xc000_003e, "amd64");
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: (u32, &str) = (0xc000_00b7, "arm64");

/// Places in the kernel's `struct seccomp_data`, in octets; a word is four.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const GREATER: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Why a profile is no program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// Nobody knows the call, and leaving it out would let it through.
    #[error("Unrecognized syscall '{0}'")]
    Unknown(String),
    /// It has too many rules.
    #[error("the Seccomp profile makes a program of {0} instructions, of which 4096 are allowed")]
    TooLong(usize),
}

/// A program.
#[derive(Debug)]
pub struct Program {
    instructions: Vec<sock_filter>,
}

impl Program {
    /// The program of a profile, for a container that can do no more than this.
    ///
    /// # Errors
    /// See [`ProgramError`].
    pub fn new(profile: &Profile, bounding: Set) -> Result<Self, ProgramError> {
        let kill = value(Action::KillProcess, None);
        let mut made = vec![
            step(LOAD, ARCH),
            jump(EQUAL, ARCHITECTURE.0, 1, 0),
            step(RETURN, kill),
            step(LOAD, NUMBER),
        ];
        if let Some(first) = FOREIGN_NUMBERS {
            made.extend([jump(AT_LEAST, first, 0, 1), step(RETURN, kill)]);
        }
        for rule in profile.syscalls.iter().filter(|rule| holds(rule, bounding)) {
            let action = value(rule.action, rule.errno_ret);
            for name in &rule.names {
                match number(name) {
                    Some(number) => made.extend(test(number, rule, action)),
                    // Calls of other architectures are in profiles for all of them.
                    None if stricter(rule.action) < stricter(profile.default_action) => {
                        tracing::debug!("there is no system call '{name}' here");
                    }
                    None => return Err(ProgramError::Unknown(name.clone())),
                }
            }
        }
        made.push(step(RETURN, value(profile.default_action, profile.default_errno_ret)));
        if made.len() > MAX_LENGTH {
            return Err(ProgramError::TooLong(made.len()));
        }
        Ok(Self { instructions: made })
    }

    /// As the kernel takes it; what it points to lives as long as this.
    pub fn as_filter(&self) -> sock_fprog {
        // The length is at most 4096; the kernel only reads.
        let filter = self.instructions.as_ptr().cast_mut();
        sock_fprog { len: self.instructions.len() as u16, filter }
    }
}

fn number(name: &str) -> Option<u32> {
    let known: syscalls::Sysno = name.parse().ok()?;
    u32::try_from(known.id()).ok()
}

/// Whether a rule is for such a container on this machine.
fn holds(rule: &Rule, bounding: Set) -> bool {
    let caps = |filter: &Filter| {
        filter.caps.iter().fold(Set::default(), |set, name| set.with(name).unwrap_or(set))
    };
    let here = |filter: &Filter| filter.arches.contains(ARCHITECTURE.1);
    let recent = |filter: &Filter| {
        filter.min_kernel.as_deref().and_then(version).is_none_or(|least| least <= kernel())
    };
    let included = rule.includes.as_ref().is_none_or(|filter| {
        (filter.arches.is_empty() || here(filter))
            && caps(filter).is_subset(bounding)
            && recent(filter)
    });
    let excluded = rule.excludes.as_ref().is_some_and(|filter| {
        here(filter)
            || !caps(filter).is_disjoint(bounding)
            || (filter.min_kernel.is_some() && recent(filter))
    });
    included && !excluded
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, digits.parse().ok()?))
}

fn kernel() -> (u32, u32) {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    version(text.trim()).unwrap_or_default()
}

/// What the kernel is to do.
fn value(action: Action, errno: Option<u16>) -> u32 {
    let errno = u32::from(errno.unwrap_or(libc::EPERM as u16));
    match action {
        Action::Kill => libc::SECCOMP_RET_KILL_THREAD,
        Action::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
        Action::Trap => libc::SECCOMP_RET_TRAP,
        Action::Errno => libc::SECCOMP_RET_ERRNO | errno,
        Action::Trace => libc::SECCOMP_RET_TRACE | errno,
        Action::Log => libc::SECCOMP_RET_LOG,
        Action::Allow => libc::SECCOMP_RET_ALLOW,
    }
}

/// How much an action takes away.
fn stricter(action: Action) -> u32 {
    match action {
        Action::Allow => 0,
        Action::Log => 1,
        Action::Trace => 2,
        Action::Errno => 3,
        Action::Trap => 4,
        Action::Kill => 5,
        Action::KillProcess => 6,
    }
}

fn step(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, yes: u8, no: u8) -> sock_filter {
    sock_filter { code, jt: yes, jf: no, k }
}

/// Where a comparison goes.
#[derive(Clone, Copy)]
enum To {
    Next,
    /// The argument fits.
    Fits,
    /// It does not.
    Fails,
}

/// The part of the program about one call. The number is loaded before and behind it.
fn test(number: u32, rule: &Rule, action: u32) -> Vec<sock_filter> {
    let arguments = rule.args.as_deref().unwrap_or_default();
    if arguments.is_empty() {
        return vec![jump(EQUAL, number, 0, 1), step(RETURN, action)];
    }
    // Where the parts begin and end is known from their lengths.
    let parts: Vec<_> = arguments.iter().map(compare).collect();
    let length: usize = parts.iter().map(Vec::len).sum();
    let mut block = Vec::with_capacity(length + 2);
    for part in &parts {
        let (fits, start) = (block.len() + part.len(), block.len());
        for (index, (code, k, yes, no)) in part.iter().enumerate() {
            let here = start + index + 1;
            let distance = |to: To| match to {
                To::Next => 0,
                To::Fits => fits - here,
                To::Fails => length + 1 - here,
            };
            // At most six arguments of six steps each.
            block.push(jump(*code, *k, distance(*yes) as u8, distance(*no) as u8));
        }
    }
    block.push(step(RETURN, action));
    block.push(step(LOAD, NUMBER));
    let mut all = vec![jump(EQUAL, number, 0, block.len() as u8)];
    all.extend(block);
    all
}

/// Compares an argument, whose halves are 32 bits each.
fn compare(argument: &Argument) -> Vec<(u16, u32, To, To)> {
    use To::{Fails, Fits, Next};
    let place = ARGUMENTS + 8 * argument.index;
    let (low_half, high_half) =
        if cfg!(target_endian = "little") { (place, place + 4) } else { (place + 4, place) };
    let (low, high) = (argument.value as u32, (argument.value >> 32) as u32);
    let load = |place| (LOAD, place, Next, Next);
    let above = |no| (GREATER, high, Fits, no);
    let below = |no| (GREATER, high, Fails, no);
    match argument.op {
        Operator::Eq => vec![
            load(high_half),
            (EQUAL, high, Next, Fails),
            load(low_half),
            (EQUAL, low, Fits, Fails),
        ],
        Operator::Ne => vec![
            load(high_half),
            (EQUAL, high, Next, Fits),
            load(low_half),
            (EQUAL, low, Fails, Fits),
        ],
        Operator::Gt | Operator::Ge => vec![
            load(high_half),
            above(Next),
            (EQUAL, high, Next, Fails),
            load(low_half),
            match argument.op {
                Operator::Gt => (GREATER, low, Fits, Fails),
                _ => (AT_LEAST, low, Fits, Fails),
            },
        ],
        Operator::Lt | Operator::Le => vec![
            load(high_half),
            below(Next),
            (EQUAL, high, Next, Fits),
            load(low_half),
            match argument.op {
                Operator::Lt => (AT_LEAST, low, Fails, Fits),
                _ => (GREATER, low, Fails, Fits),
            },
        ],
        Operator::MaskedEq => {
            let (wanted_low, wanted_high) =
                (argument.value_two as u32, (argument.value_two >> 32) as u32);
            vec![
                load(high_half),
                (AND, high, Next, Next),
                (EQUAL, wanted_high, Next, Fails),
                load(low_half),
                (AND, low, Next, Next),
                (EQUAL, wanted_low, Fits, Fails),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs a program as the kernel does.
    fn execute(program: &Program, arch: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend(number.to_ne_bytes());
        data.extend(arch.to_ne_bytes());
        data.extend([0; 8]);
        data.extend(arguments.iter().flat_map(|argument| argument.to_ne_bytes()));
        let (mut at, mut word) = (0, 0_u32);
        loop {
            let sock_filter { code, jt, jf, k } = program.instructions[at];
            at += 1;
            let mut decide = |yes: bool| at += usize::from(if yes { jt } else { jf });
            match code {
                LOAD => {
                    let place = k as usize;
                    word = u32::from_ne_bytes(data[place..place + 4].try_into().unwrap());
                }
                AND => word &= k,
                EQUAL => decide(word == k),
                GREATER => decide(word > k),
                AT_LEAST => decide(word >= k),
                RETURN => return k,
                other => panic!("{other}"),
            }
        }
    }

    fn program(syscalls: &str) -> Result<Program, ProgramError> {
        let text = format!(r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": {syscalls}}}"#);
        Program::new(&Profile::parse(&text).unwrap(), Set::default())
    }

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const DENY: u32 = libc::SECCOMP_RET_ERRNO | 1;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let made = program(
            r#"[{"names": ["read", "nonexistent_here"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]},
            {"names": ["personality"], "action": "SCMP_ACT_TRAP",
             "args": [{"index": 0, "value": 9, "op": "SCMP_CMP_EQ"},
                      {"index": 1, "value": 1, "op": "SCMP_CMP_EQ"}]},
            {"names": ["write"], "action": "SCMP_ACT_KILL_PROCESS"}]"#,
        )
        .unwrap();
        let run = |name: &str, first, second| {
            let number = number(name).unwrap();
            execute(&made, ARCHITECTURE.0, number, [first, second, 0, 0, 0, 0])
        };
        assert_eq!(run("read", 0, 0), ALLOW);
        assert_eq!(run("personality", 8, 0), ALLOW);
        assert_eq!(run("personality", 9, 1), libc::SECCOMP_RET_TRAP);
        assert_eq!(run("personality", 9, 2), DENY);
        assert_eq!(run("write", 0, 0), libc::SECCOMP_RET_KILL_PROCESS);
        assert_eq!(run("open_tree", 0, 0), DENY);
        let read = number("read").unwrap();
        let other = execute(&made, 0x4000_0003, read, [0; 6]);
        assert_eq!(other, libc::SECCOMP_RET_KILL_PROCESS);
        if let Some(first) = FOREIGN_NUMBERS {
            let other = execute(&made, ARCHITECTURE.0, first | read, [0; 6]);
            assert_eq!(other, libc::SECCOMP_RET_KILL_PROCESS);
        }
    }

    #[test]
    fn a_call_that_would_slip_through_is_refused() {
        let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["raed"], "action": "SCMP_ACT_ERRNO"}]}"#;
        let error = Program::new(&Profile::parse(text).unwrap(), Set::default()).unwrap_err();
        assert_eq!(error.to_string(), "Unrecognized syscall 'raed'");
    }

    #[test]
    fn rules_are_for_some() {
        let with = |part: &str, bounding: Set| {
            let text = format!(
                r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
                {{"names": ["read"], "action": "SCMP_ACT_ALLOW", {part}}}]}}"#
            );
            let made = Program::new(&Profile::parse(&text).unwrap(), bounding).unwrap();
            let read = number("read").unwrap();
            execute(&made, ARCHITECTURE.0, read, [0; 6]) == ALLOW
        };
        let (none, admin) = (Set::default(), Set::default().with("CAP_SYS_ADMIN").unwrap());
        let includes = r#""includes": {"caps": ["CAP_SYS_ADMIN"]}"#;
        assert!(with(includes, admin) && !with(includes, none));
        let excludes = r#""excludes": {"caps": ["CAP_SYS_ADMIN"]}"#;
        assert!(!with(excludes, admin) && with(excludes, none));
        let here = format!(r#""includes": {{"arches": ["{}"]}}"#, ARCHITECTURE.1);
        assert!(with(&here, none));
        assert!(!with(&here.replace("includes", "excludes"), none));
        assert!(!with(r#""includes": {"arches": ["s390x"]}"#, none));
        assert!(with(r#""includes": {"minKernel": "2.6"}"#, none));
        assert!(!with(r#""includes": {"minKernel": "999.0"}"#, none));
        assert_eq!(version("4.8.0-generic"), Some((4, 8)));
    }

    proptest! {
        #[test]
        fn arguments_are_compared_as_numbers_without_sign(
            value in any::<u64>(),
            other in any::<u64>(),
            near in 0_u64..3,
            op in 0_usize..7,
            index in 0_u32..6,
        ) {
            let names = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
            // Equal halves and equal values do not come by chance.
            for actual in [
                other,
                value.wrapping_add(near).wrapping_sub(1),
                (value & !0xffff_ffff) | (other & 0xffff_ffff),
            ] {
                let two = if near == 0 { actual & value } else { other };
                let made = program(&format!(
                    r#"[{{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{{
                    "index": {index}, "value": {value}, "valueTwo": {two},
                    "op": "SCMP_CMP_{}"}}]}}]"#,
                    names[op]
                ))
                .unwrap();
                let mut arguments = [0; 6];
                arguments[index as usize] = actual;
                let read = number("read").unwrap();
                let allowed = execute(&made, ARCHITECTURE.0, read, arguments) == ALLOW;
                let expected = match names[op] {
                    "NE" => actual != value,
                    "LT" => actual < value,
                    "LE" => actual <= value,
                    "EQ" => actual == value,
                    "GE" => actual >= value,
                    "GT" => actual > value,
                    _ => actual & value == two,
                };
                prop_assert_eq!(allowed, expected);
            }
        }
    }
}
