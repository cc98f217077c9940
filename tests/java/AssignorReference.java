import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;

/**
 * Runs the kafka-clients jar's assignors. Standard input, line by line and separated by tabs:
 * "topic NAME RACKS..." (for each partition its replicas' racks, separated by commas; "-" for none),
 * "member ID INSTANCE SUBSCRIPTION" (INSTANCE "-" for none; SUBSCRIPTION as JoinGroup carries it, in hex),
 * "assign NAME". Answers each "assign" with "ID ASSIGNMENT" (as SyncGroup carries it, in hex) for every member, and "done".
 */
public class AssignorReference {
    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        BufferedWriter out = new BufferedWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
        Map<String, Node> nodes = new TreeMap<>();
        List<PartitionInfo> partitions = new ArrayList<>();
        Map<String, ConsumerPartitionAssignor.Subscription> members = new HashMap<>();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t", -1);
            switch (words[0]) {
                case "topic" -> {
                    for (int partition = 0; partition < words.length - 2; partition++) {
                        partitions.add(partition(words[1], partition, words[partition + 2], nodes));
                    }
                }
                case "member" -> {
                    ByteBuffer bytes = ByteBuffer.wrap(HexFormat.of().parseHex(words[3]));
                    ConsumerPartitionAssignor.Subscription subscription = ConsumerProtocol.deserializeSubscription(bytes);
                    subscription.setGroupInstanceId(words[2].equals("-") ? Optional.empty() : Optional.of(words[2]));
                    members.put(words[1], subscription);
                }
                case "assign" -> {
                    Cluster cluster = new Cluster("reference", nodes.values(), partitions, Set.of(), Set.of());
                    ConsumerPartitionAssignor.GroupAssignment assigned = assignor(words[1])
                        .assign(cluster, new ConsumerPartitionAssignor.GroupSubscription(members));
                    for (Map.Entry<String, ConsumerPartitionAssignor.Assignment> entry : assigned.groupAssignment().entrySet()) {
                        ByteBuffer bytes = ConsumerProtocol.serializeAssignment(entry.getValue());
                        byte[] raw = new byte[bytes.remaining()];
                        bytes.get(raw);
                        out.write(entry.getKey() + "\t" + HexFormat.of().formatHex(raw) + "\n");
                    }
                    out.write("done\n");
                    nodes.clear();
                    partitions.clear();
                    members.clear();
                }
                default -> throw new IllegalArgumentException(line);
            }
        }
        out.flush();
    }

    private static PartitionInfo partition(String topic, int partition, String racks, Map<String, Node> nodes) {
        List<Node> replicas = new ArrayList<>();
        for (String rack : racks.split(",")) {
            replicas.add(nodes.computeIfAbsent(rack, r -> new Node(nodes.size(), "host", 9092, r.equals("-") ? null : r)));
        }
        Node[] all = replicas.toArray(new Node[0]);
        return new PartitionInfo(topic, partition, all[0], all, all);
    }

    private static ConsumerPartitionAssignor assignor(String name) {
        return switch (name) {
            case "range" -> new RangeAssignor();
            case "roundrobin" -> new RoundRobinAssignor();
            case "sticky" -> new StickyAssignor();
            case "cooperative-sticky" -> new CooperativeStickyAssignor();
            default -> throw new IllegalArgumentException(name);
        };
    }
}
