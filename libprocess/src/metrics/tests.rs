use super::*;
use std::future::Future;
use std::time::Duration;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn both_renderings_see_one_value() {
    let metrics = Metrics::new("mesos");
    let counter = metrics.counter(("master/tasks_lost", "Lost tasks.")).unwrap();
    let gauge = metrics.gauge(Desc::new("master/mem_total", "Memory.").megabytes()).unwrap();
    counter.add(3);
    gauge.set(2.0);
    metrics.pull_gauge(("master/elected", "Whether it leads."), || 1.0).unwrap();

    let values = block_on(metrics.snapshot(None));
    assert_eq!(
        serde_json::to_string(&values).unwrap(),
        r#"{"master/elected":1.0,"master/mem_total":2.0,"master/tasks_lost":3.0}"#
    );
    let text = block_on(metrics.prometheus(None));
    let expected = "# HELP mesos_master_elected Whether it leads.\n\
                    # TYPE mesos_master_elected gauge\n\
                    mesos_master_elected 1\n\
                    # HELP mesos_master_mem_bytes Memory.\n\
                    # TYPE mesos_master_mem_bytes gauge\n\
                    mesos_master_mem_bytes 2097152\n\
                    # HELP mesos_master_tasks_lost_total Lost tasks.\n\
                    # TYPE mesos_master_tasks_lost_total counter\n\
                    mesos_master_tasks_lost_total 3\n";
    assert_eq!(text, expected);
}

#[test]
fn names_are_unique_and_removable() {
    let metrics = Metrics::new("mesos");
    metrics.counter(("a/b", "")).unwrap();
    assert!(matches!(metrics.gauge(("a/b", "")), Err(MetricError::Taken(_))));
    metrics.remove("a/b").unwrap();
    assert!(matches!(metrics.remove("a/b"), Err(MetricError::NotFound(_))));
    metrics.gauge(("a/b", "")).unwrap();
    assert!(metrics.contains("a/b"));
}

#[test]
fn a_clash_of_derived_names_is_an_error() {
    let metrics = Metrics::new("mesos");
    metrics.gauge(("a/b_total", "x")).unwrap();
    let error = metrics.gauge(("a/b", "x")).unwrap_err();
    assert_eq!(error.to_string(), "metric 'a/b' cannot be added as 'mesos_a_b'");
    metrics.gauge(Desc::new("a/b", "x").family("a/b_of_it")).unwrap();
}

#[test]
fn per_framework_metrics_share_a_family_and_go_together() {
    let metrics = Metrics::new("mesos");
    for id in ["F1", "F2"] {
        let desc = Desc::labelled(
            "master/frameworks/{framework}/{framework_id}/calls",
            &[("framework", "spark \"x\""), ("framework_id", id)],
            "Calls of a framework.",
        );
        metrics.counter(desc).unwrap().increment();
    }
    let text = metrics.prometheus_now();
    assert_eq!(text.matches("# TYPE").count(), 1, "{text}");
    assert!(
        text.contains(
            "mesos_master_frameworks_calls_total{framework=\"spark \\\"x\\\"\",\
             framework_id=\"F2\"} 1"
        ),
        "{text}"
    );
    assert_eq!(metrics.remove_all("master/frameworks/spark \"x\"/F1/"), 1);
    let text = metrics.prometheus_now();
    assert!(!text.contains("F1") && text.contains("F2"), "{text}");
}

#[test]
fn timers_show_their_window() {
    let metrics = Metrics::new("mesos");
    let window = Some(Duration::from_secs(3600));
    let timer = metrics.timer(("a/run", "Runs."), TimerUnit::Milliseconds, window).unwrap();
    assert!(metrics.snapshot_now().is_empty(), "nothing was measured yet");
    timer.record(Duration::from_millis(10));
    assert_eq!(metrics.snapshot_now().len(), 1);
    timer.record(Duration::from_millis(30));
    let values = metrics.snapshot_now();
    assert_eq!(values.len(), 10);
    assert_eq!(values["a/run_ms"], 30.0);
    assert_eq!(values["a/run_ms/count"], 2.0);
    assert_eq!(values["a/run_ms/p50"], 20.0);
    let text = metrics.prometheus_now();
    assert!(text.contains("mesos_a_run_seconds_count 2"), "{text}");
    assert!(text.contains("mesos_a_run_seconds_bucket{le=\"0.01\"} 1"), "{text}");
}

#[test]
fn a_stopwatch_records_when_dropped() {
    let metrics = Metrics::new("mesos");
    let timer = metrics.timer(("a/run", ""), TimerUnit::Seconds, None).unwrap();
    drop(timer.start());
    timer.start().discard();
    timer.start().stop();
    assert_eq!(timer.inner.histogram.get_sample_count(), 2);
    assert_eq!(metrics.snapshot_now().len(), 1, "no window, no statistics");
}

#[test]
fn slow_and_failed_gauges_are_left_out() {
    let metrics = Metrics::new("mesos");
    metrics.pull_gauge(("a/good", ""), || 1.0).unwrap();
    metrics.pull_gauge_async(("a/failed", ""), || Box::pin(async { None })).unwrap();
    metrics.pull_gauge_async(("a/slow", ""), || Box::pin(std::future::pending())).unwrap();
    metrics.pull_gauge(("a/infinite", ""), || f64::INFINITY).unwrap();
    let values = block_on(metrics.snapshot(Some(Duration::from_millis(20))));
    assert_eq!(values.into_iter().collect::<Vec<_>>(), [("a/good".to_owned(), 1.0)]);
}

#[test]
fn histograms_count() {
    let metrics = Metrics::new("mesos");
    let histogram = metrics.histogram(("a/batch_bytes", "Size."), &[10.0, 100.0]).unwrap();
    histogram.observe(50.0);
    assert_eq!(metrics.snapshot_now()["a/batch_bytes/sum"], 50.0);
    assert!(metrics.prometheus_now().contains("mesos_a_batch_bytes_bucket{le=\"100\"} 1"));
}

#[test]
fn system_gauges_are_there() {
    let metrics = Metrics::new("mesos");
    system::register(&metrics).unwrap();
    let values = block_on(metrics.snapshot(None));
    assert_eq!(values.len(), 6);
    assert!(values["system/cpus_total"] >= 1.0);
    assert!(values["system/mem_total_bytes"] > 1e6);
    let json = serde_json::to_string(&system::SystemStats::now()).unwrap();
    assert!(json.starts_with("{\"avg_load_15min\":"), "{json}");
}

/// What Prometheus's own linter would say about every derived name.
#[test]
fn derived_names_pass_the_linter() {
    let names = ["master/cpus_total", "master/uptime_secs", "a/x_ms", "a/b/total", "a/c_percent"];
    let metrics = Metrics::new("mesos");
    for name in names {
        metrics.gauge((name, "Help.")).unwrap();
        metrics.counter((format!("counter/{name}"), "Help.")).unwrap();
    }
    for line in metrics.prometheus_now().lines().filter(|line| line.starts_with("# TYPE")) {
        let mut words = line.split(' ').skip(2);
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        assert!(!name.contains("_secs") && !name.contains("_ms"), "{line}");
    }
}

#[test]
fn counts_kept_elsewhere_and_hidden_metrics() {
    let metrics = Metrics::new("mesos");
    metrics.pull_counter(Desc::new("a/seen", "Seen.").prometheus_only(), || 7).unwrap();
    metrics.pull_counter(("a/shown", "Shown."), || 8).unwrap();
    let values = metrics.snapshot_now();
    assert_eq!(values.into_iter().collect::<Vec<_>>(), [("a/shown".to_owned(), 8.0)]);
    let text = metrics.prometheus_now();
    assert!(text.contains("# TYPE mesos_a_seen_total counter\nmesos_a_seen_total 7"), "{text}");
}

#[test]
fn samples_are_found_when_they_are_read() {
    let metrics = Metrics::new("mesos");
    let pull = || -> SamplesFuture {
        let of = |id: &str, value| Sample {
            desc: Desc::labelled(
                "master/f/{name}/{id}/calls",
                &[("name", "a%2Fb"), ("id", id)],
                "C.",
            )
            .relabel("name", "a/b"),
            kind: SampleKind::Counter,
            value,
        };
        let sum = Desc::new("master/calls", "All.").mesos_only();
        let sum = Sample { desc: sum, kind: SampleKind::Counter, value: 3.0 };
        let samples = vec![of("1", 1.0), of("2", 2.0), sum];
        Box::pin(async move {
            Box::new(|take: &mut dyn FnMut(Sample)| samples.into_iter().for_each(take)) as Samples
        })
    };
    metrics.samples("master/state", pull).unwrap();
    assert!(metrics.snapshot_now().is_empty());
    let values = block_on(metrics.snapshot(None));
    assert_eq!(
        serde_json::to_string(&values).unwrap(),
        r#"{"master/calls":3.0,"master/f/a%2Fb/1/calls":1.0,"master/f/a%2Fb/2/calls":2.0}"#
    );
    let expected = "# HELP mesos_master_f_calls_total C.\n\
                    # TYPE mesos_master_f_calls_total counter\n\
                    mesos_master_f_calls_total{id=\"1\",name=\"a/b\"} 1\n\
                    mesos_master_f_calls_total{id=\"2\",name=\"a/b\"} 2\n";
    assert_eq!(block_on(metrics.prometheus(None)), expected);
    let described = block_on(metrics.described());
    assert_eq!(described.len(), 2, "{described:?}");
    assert_eq!(described[1].name.as_deref(), Some("master/f/{name}/{id}/calls"));
    assert_eq!(described[1].prometheus.as_deref(), Some("mesos_master_f_calls_total"));
    assert_eq!(described[0].prometheus, None);
    assert!(matches!(metrics.samples("master/state", pull), Err(MetricError::Taken(_))));
    assert_eq!(metrics.remove_all("master/"), 1);
    assert_eq!(block_on(metrics.prometheus(None)), "");
}

#[test]
fn samples_are_escaped_for_prometheus() {
    let metrics = Metrics::new("mesos");
    let pull = || -> SamplesFuture {
        Box::pin(async {
            Box::new(|take: &mut dyn FnMut(Sample)| {
                let desc = Desc::labelled("a/{x}", &[("x", "\\ \"q\"\n")], "Not \\\n\"it\".");
                take(Sample { desc: desc.clone(), kind: SampleKind::Gauge, value: 0.5 });
                take(Sample { desc, kind: SampleKind::Gauge, value: f64::INFINITY });
            }) as Samples
        })
    };
    metrics.samples("a", pull).unwrap();
    let text = block_on(metrics.prometheus(None));
    assert_eq!(
        text,
        "# HELP mesos_a Not \\\\\\n\"it\".\n# TYPE mesos_a gauge\n\
         mesos_a{x=\"\\\\ \\\"q\\\"\\n\"} 0.5\nmesos_a{x=\"\\\\ \\\"q\\\"\\n\"} +Inf\n"
    );
    assert_eq!(block_on(metrics.snapshot(None)).len(), 1, "infinities have no JSON");
}

#[test]
fn slow_samples_are_left_out() {
    let metrics = Metrics::new("mesos");
    metrics.samples("a/many", || Box::pin(std::future::pending())).unwrap();
    metrics.counter(("a/one", "One.")).unwrap();
    let values = block_on(metrics.snapshot(Some(Duration::from_millis(20))));
    assert_eq!(values.into_keys().collect::<Vec<_>>(), ["a/one"]);
}
