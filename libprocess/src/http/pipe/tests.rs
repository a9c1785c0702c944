use super::*;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn flag(writer: &BodyWriter) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let seen = flag.clone();
    writer.on_closed(move || seen.store(true, Ordering::SeqCst));
    flag
}

#[test]
fn each_write_is_one_item() {
    let (writer, mut reader) = pipe(1024);
    writer.write("ab").unwrap();
    writer.write("").unwrap();
    writer.write("c").unwrap();
    writer.close();
    block_on(async {
        assert_eq!(reader.next().await, Some(Ok(Bytes::from("ab"))));
        assert_eq!(reader.next().await, Some(Ok(Bytes::from("c"))));
        assert_eq!(reader.next().await, None);
    });
    assert_eq!(writer.write("d"), Err(WriteError::Closed));
}

#[test]
fn dropping_the_last_writer_ends_the_stream() {
    let (writer, mut reader) = pipe(1024);
    let other = writer.clone();
    drop(writer);
    other.write("x").unwrap();
    drop(other);
    block_on(async {
        assert_eq!(reader.next().await, Some(Ok(Bytes::from("x"))));
        assert_eq!(reader.next().await, None);
    });
}

#[test]
fn a_slow_reader_is_cut() {
    let (writer, mut reader) = pipe(300);
    let closed = flag(&writer);
    writer.write(vec![0; 100]).unwrap();
    let error = writer.write(vec![0; 200]).unwrap_err();
    assert_eq!(error, WriteError::Overflow { waiting_bytes: 428, limit_bytes: 300 });
    assert!(closed.load(Ordering::SeqCst));
    assert!(writer.is_closed());
    assert_eq!(block_on(reader.next()), Some(Err(PipeError::Overflow)));
    assert_eq!(block_on(reader.next()), None);
}

#[test]
fn one_large_write_goes_into_an_empty_pipe() {
    let (writer, mut reader) = pipe(10);
    writer.write(vec![7; 1000]).unwrap();
    assert_eq!(block_on(reader.next()).unwrap().unwrap().len(), 1000);
}

#[test]
fn the_writer_learns_that_the_reader_went() {
    let (writer, reader) = pipe(1024);
    let closed = flag(&writer);
    drop(reader);
    assert!(closed.load(Ordering::SeqCst));
    assert_eq!(writer.write("x"), Err(WriteError::Closed));
}

#[test]
fn a_stream_that_ended_well_is_not_reported_gone() {
    let (writer, reader) = pipe(1024);
    let closed = flag(&writer);
    writer.close();
    drop(reader);
    assert!(!closed.load(Ordering::SeqCst));
}

#[test]
fn a_failed_stream_ends_with_an_error() {
    let (writer, mut reader) = pipe(1024);
    writer.write("x").unwrap();
    writer.fail("disk");
    assert_eq!(block_on(reader.next()), Some(Ok(Bytes::from("x"))));
    assert_eq!(block_on(reader.next()), Some(Err(PipeError::Failed("disk".into()))));
}

#[test]
fn a_patient_writer_waits_for_room() {
    let (writer, mut reader) = pipe(200);
    let thread = std::thread::spawn(move || {
        block_on(async {
            for _ in 0..100 {
                writer.send(vec![1; 100]).await.unwrap();
            }
        });
    });
    let mut total = 0;
    block_on(async {
        while let Some(chunk) = reader.next().await {
            total += chunk.unwrap().len();
        }
    });
    assert_eq!(total, 10_000);
    thread.join().unwrap();
}

#[test]
fn a_patient_writer_is_released_when_the_reader_goes() {
    let (writer, reader) = pipe(200);
    writer.write(vec![1; 150]).unwrap();
    let thread = std::thread::spawn(move || block_on(writer.send(vec![1; 150])));
    drop(reader);
    assert_eq!(thread.join().unwrap(), Err(WriteError::Closed));
}
