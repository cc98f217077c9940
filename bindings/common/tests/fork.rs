//! A process that forks with a client in use: the child is told, drops what it has without a hang, and makes a client of its own.

#![cfg(unix)]
#![expect(unsafe_code, reason = "there is no safe fork()")]

use std::time::{Duration, Instant};

use ottla::{Client, Record};
use ottla_bindings::TestBroker;
use ottla_bindings::fork::Kept;

const PATIENCE: Duration = Duration::from_secs(20);

/// What a child does; what went wrong is its exit code.
fn child(kept: Kept<ottla::Producer>, servers: &str) -> i32 {
    match kept.get() {
        Ok(_) => return 10,
        Err(error) if error.to_string().contains("fork") => {}
        Err(_) => return 11,
    }
    drop(kept);
    let Ok(client) = Client::connect_blocking(servers) else { return 12 };
    let Ok(producer) = client.producer() else { return 13 };
    match producer.send_blocking(Record::to("t").value("child")).and_then(ottla::Delivery::wait) {
        Ok(_) => 0,
        Err(_) => 14,
    }
}

#[test]
fn a_child_is_told_and_makes_a_client_of_its_own_while_the_parent_goes_on() {
    let broker = TestBroker::start([("topic", "t:1")]).unwrap();
    let servers = broker.bootstrap_servers();
    let client = Client::connect_blocking(servers).unwrap();
    let kept = Kept::new(client.producer().unwrap());
    let producer = kept.get().unwrap().clone();
    producer.send_blocking(Record::to("t").value("before")).unwrap().wait().unwrap();
    // SAFETY: the child does what programs that fork do to us, and ends by _exit, without a look at the test's own state.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid == 0 {
        // The clone is dropped never: the child knows that of its own, since it is not Kept.
        std::mem::forget((producer, client));
        let code = child(kept, servers);
        // SAFETY: ends the process at once.
        unsafe { libc::_exit(code) };
    }
    let end = Instant::now() + PATIENCE;
    let status = loop {
        let mut status = 0;
        // SAFETY: the child is ours, and `status` lives as long as the call.
        if unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == pid {
            break status;
        }
        assert!(Instant::now() < end, "the child hangs");
        std::thread::yield_now();
    };
    assert!(libc::WIFEXITED(status), "{status}");
    assert_eq!(libc::WEXITSTATUS(status), 0);
    let written = producer.send_blocking(Record::to("t").value("after")).unwrap().wait().unwrap();
    assert_eq!(written.offset, 2);
}
