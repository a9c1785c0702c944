//! The description of a metric: its two names, its labels, its help, its unit.

/// What a value measures, where the Mesos name does not say it by its ending. Prometheus wants
/// base units, so the value is scaled there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Whatever the ending of the name says (`_secs`, `_ms`, `_bytes`, `_percent`), else a number.
    #[default]
    ByName,
    /// Megabytes, in which resources count memory and disk; bytes in Prometheus.
    Megabytes,
}

/// The description of a metric. A pair of name and help is one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desc {
    /// The name in `/metrics/snapshot`.
    pub name: String,
    /// The name with a `{label}` for each part of it that varies.
    pub template: String,
    /// What it counts: a sentence for Prometheus.
    pub help: String,
    /// What to derive the Prometheus name from; `name` when there are no labels.
    pub family: String,
    /// Labels in Prometheus, in the order of the template.
    pub labels: Vec<(String, String)>,
    /// The unit.
    pub unit: Unit,
    /// Whether it is left out of `/metrics/snapshot`, since Mesos has no such metric.
    pub hidden: bool,
    /// Whether it is left out of Prometheus's text, for example since it is a sum over labels.
    pub mesos_only: bool,
}

impl Desc {
    /// A metric without labels.
    pub fn new(name: impl Into<String>, help: impl Into<String>) -> Self {
        let name = name.into();
        let family = name.clone();
        Self {
            template: name.clone(),
            name,
            help: help.into(),
            family,
            labels: Vec::new(),
            unit: Unit::ByName,
            hidden: false,
            mesos_only: false,
        }
    }

    /// A metric whose Mesos name holds values that Prometheus wants as labels.
    ///
    /// Each `{label}` of `template` is replaced by its value to give the Mesos name; what is left
    /// of the template without them gives the Prometheus name. A label without a value in `values`
    /// stays empty.
    pub fn labelled(template: &str, values: &[(&str, &str)], help: impl Into<String>) -> Self {
        let mut name = String::new();
        let mut family = String::new();
        let mut labels = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            let (label, after) = after.split_once('}').unwrap_or((after, ""));
            let value = values.iter().find(|(key, _)| *key == label).map_or("", |(_, v)| *v);
            name.push_str(before);
            name.push_str(value);
            family.push_str(before);
            labels.push((label.to_owned(), value.to_owned()));
            rest = after;
        }
        name.push_str(rest);
        family.push_str(rest);
        Self { name, template: template.to_owned(), family, labels, ..Self::new("", help) }
    }

    /// Derives the Prometheus name from `family` instead, for example where two templates would
    /// give one name with different labels.
    pub fn family(mut self, family: impl Into<String>) -> Self {
        self.family = family.into();
        self
    }

    /// Adds a label for Prometheus.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Gives a label another value in Prometheus than the one in the Mesos name, where that is
    /// encoded.
    pub fn relabel(mut self, name: &str, value: impl Into<String>) -> Self {
        if let Some((_, old)) = self.labels.iter_mut().find(|(label, _)| label == name) {
            *old = value.into();
        }
        self
    }

    /// Leaves the metric of a [`Sample`](super::Sample) out of Prometheus's text, where sums over
    /// labels are the reader's to make.
    pub fn mesos_only(mut self) -> Self {
        self.mesos_only = true;
        self
    }

    /// Leaves the metric out of `/metrics/snapshot`: it is ours, and readers of Mesos's JSON may
    /// not expect it.
    pub fn prometheus_only(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Says that the value counts megabytes.
    pub fn megabytes(mut self) -> Self {
        self.unit = Unit::Megabytes;
        self
    }
}

impl<N: Into<String>, H: Into<String>> From<(N, H)> for Desc {
    fn from((name, help): (N, H)) -> Self {
        Self::new(name, help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_give_both_names() {
        let desc = Desc::labelled(
            "master/task_{state}/source_{source}/reason_{reason}",
            &[("state", "lost"), ("source", "master"), ("reason", "invalid_offers")],
            "",
        );
        assert_eq!(desc.name, "master/task_lost/source_master/reason_invalid_offers");
        assert_eq!(desc.family, "master/task_/source_/reason_");
        assert_eq!(desc.labels.len(), 3);
    }

    #[test]
    fn broken_templates_do_not_panic() {
        let desc = Desc::labelled("a/{b", &[("b", "x")], "");
        assert_eq!(desc.name, "a/x");
        assert_eq!(Desc::labelled("a}/{}", &[], "").name, "a}/");
    }
}
