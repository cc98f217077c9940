//! Members that read from replicas in their own rack (KIP-881).

use ottla::Consumer;
use ottla_broker::Broker;

use super::{assigned, connected, member, until};

#[tokio::test]
async fn members_get_the_partitions_that_lie_in_their_racks() {
    for strategy in ["range", "sticky"] {
        let broker = Broker::builder().brokers(2).racks(["a", "b"]).topic("orders", 6).start().unwrap();
        let client = connected(&broker).await;
        let topic = client.admin().describe_topic("orders").await.unwrap();
        let replicas: Vec<Vec<i32>> = topic.partitions.iter().map(|partition| partition.replicas.clone()).collect();
        let lying = |broker: i32| -> Vec<i32> { (0..6).filter(|partition| replicas[*partition as usize] == [broker]).collect() };
        // Without racks range would give the first three to the one and the last three to the other.
        assert_eq!((lying(1).len(), lying(2).len()), (3, 3), "{replicas:?}");
        assert!(lying(1) != [0, 1, 2] && lying(1) != [3, 4, 5], "{replicas:?}");
        let reader = |rack| {
            let properties =
                [("client.rack", rack), ("partition.assignment.strategy", strategy), ("heartbeat.interval.ms", "20")];
            member(&client, &properties)
        };
        let (a, b): (Consumer, Consumer) = (reader("a"), reader("b"));
        until(&[&a, &b], || assigned(&a) == lying(1) && assigned(&b) == lying(2)).await;
        for member in [&a, &b] {
            assert_eq!(member.group_state().unwrap().assignor.unwrap(), strategy);
        }
        // One that is alone reads from everywhere.
        b.close().await.unwrap();
        until(&[&a], || assigned(&a) == [0, 1, 2, 3, 4, 5]).await;
        a.close().await.unwrap();
    }
}
