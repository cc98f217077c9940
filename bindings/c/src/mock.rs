//! librdkafka's mock cluster, which is broker-lite in this process.

use std::ffi::{CString, c_char, c_int};

use ottla_bindings::TestBroker;

use crate::boundary::c_string;
use crate::handle::rd_kafka_s;

/// A cluster for tests (`rd_kafka_mock_cluster_t`).
pub struct rd_kafka_mock_cluster_s {
    broker: TestBroker,
    bootstraps: CString,
}

/// `rd_kafka_mock_cluster_new`: of so many brokers; null if it can't be had. Topics have four partitions where nobody says.
#[unsafe(no_mangle)]
pub extern "C" fn rd_kafka_mock_cluster_new(_rk: *mut rd_kafka_s, broker_cnt: c_int) -> *mut rd_kafka_mock_cluster_s {
    guarded!(std::ptr::null_mut(), {
        if broker_cnt < 1 {
            return std::ptr::null_mut();
        }
        let brokers = broker_cnt.to_string();
        let started = crate::signals::blocked(|| TestBroker::start([("brokers", brokers.as_str()), ("partitions", "4")]));
        let Ok(broker) = started else {
            return std::ptr::null_mut();
        };
        let bootstraps = c_string(broker.bootstrap_servers());
        Box::into_raw(Box::new(rd_kafka_mock_cluster_s { broker, bootstraps }))
    })
}

/// `rd_kafka_mock_cluster_destroy`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_mock_cluster_destroy(mcluster: *mut rd_kafka_mock_cluster_s) {
    if !mcluster.is_null() {
        guarded!((), {
            // SAFETY: it was made by this library, and the caller gives it up.
            let cluster = unsafe { Box::from_raw(mcluster) };
            cluster.broker.stop();
        });
    }
}

/// `rd_kafka_mock_cluster_bootstraps`: its addresses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rd_kafka_mock_cluster_bootstraps(mcluster: *const rd_kafka_mock_cluster_s) -> *const c_char {
    // SAFETY: null or a cluster of this library.
    unsafe { mcluster.as_ref() }.map_or(c"".as_ptr(), |cluster| cluster.bootstraps.as_ptr())
}
