//! Topics that are deleted, and made again, below a member that reads them.

use std::time::Duration;

use ottla::{ErrorKind, NewTopic};

use super::paused_time::on_paused_time_with;
use super::{assigned, member, next, produce, until, values};

const MOMENT: Duration = Duration::from_millis(100);

#[tokio::test(start_paused = true)]
async fn what_was_read_of_a_deleted_topic_is_not_committed_into_the_one_made_anew() {
    for gap in [false, true] {
        let (broker, client) = on_paused_time_with(&[("allow.auto.create.topics", "false")]);
        let consumer = member(&client, &[]);
        until(&[&consumer], || assigned(&consumer).len() == 2).await;
        produce(&client, 0, 0..5).await;
        let held = next(&consumer).await;
        client.admin().delete_topic("orders").await.unwrap();
        if gap {
            // Until the client has heard of it.
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_eq!(consumer.commit(&held).await.unwrap_err().kind(), ErrorKind::State);
        }
        client.admin().create_topic(NewTopic::new("orders").partitions(2)).await.unwrap();
        let mut moments = 0;
        while held.is_valid() {
            assert!(moments < 3000, "it is never heard of");
            moments += 1;
            tokio::time::sleep(MOMENT).await;
        }
        assert!(values(&held).is_empty());
        let error = consumer.commit(&held).await.unwrap_err();
        assert_eq!((error.kind(), error.topic(), error.partition()), (ErrorKind::State, Some("orders"), Some(0)), "{error}");
        // Nor by the automatic commits, nor by a rebalance.
        for _ in 0..100 {
            if let Ok(Some(batch)) = consumer.next_timeout(MOMENT).await {
                assert!(values(&batch).is_empty());
            }
        }
        let committed = broker.committed_offset("g", "orders", 0);
        assert!(committed.as_ref().is_none_or(|at| at.0 == 0), "{committed:?}");
        produce(&client, 0, 100..103).await;
        let mut all = Vec::new();
        while all.len() < 3 {
            // What is still to be heard of the time without the topic.
            if let Ok(Some(batch)) = consumer.next_timeout(Duration::from_secs(60)).await {
                all.extend(values(&batch));
            }
        }
        assert_eq!(all, [100, 101, 102], "as auto.offset.reset says");
        consumer.close().await.unwrap();
        assert_eq!(broker.committed_offset("g", "orders", 0).unwrap().0, 3);
    }
}
