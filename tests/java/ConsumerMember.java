import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Members of groups by Java's KafkaConsumer. Standard input, line by line and separated by tabs: "join NAME SERVERS GROUP TOPIC
 * ASSIGNOR" (an assignor's class name in its package), "leave NAME". What happens is printed as "@", the member's name, and
 * "has PARTITIONS" (separated by commas, whenever they have changed), "read PARTITION OFFSET" and, once it is closed, "left".
 * Offsets are committed as auto-commit does: when partitions are given up, and when the consumer closes. Ends with its input.
 */
public class ConsumerMember {
    private static final Map<String, AtomicBoolean> LEAVE = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t", -1);
            switch (words[0]) {
                case "join" -> {
                    AtomicBoolean leave = new AtomicBoolean();
                    LEAVE.put(words[1], leave);
                    Thread thread = new Thread(() -> member(words, leave));
                    // A member that fails ends all: the test hears of it at once.
                    thread.setUncaughtExceptionHandler((t, e) -> {
                        e.printStackTrace();
                        Runtime.getRuntime().halt(1);
                    });
                    thread.setDaemon(true);
                    thread.start();
                }
                case "leave" -> LEAVE.get(words[1]).set(true);
                default -> throw new IllegalArgumentException(line);
            }
        }
        Runtime.getRuntime().halt(0);
    }

    private static void member(String[] words, AtomicBoolean leave) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", words[2]);
        properties.put("group.id", words[3]);
        properties.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer." + words[5]);
        properties.put("auto.offset.reset", "earliest");
        properties.put("heartbeat.interval.ms", "100");
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            consumer.subscribe(List.of(words[4]));
            String before = "";
            while (!leave.get()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    say(words[1], "read\t" + record.partition() + "\t" + record.offset());
                }
                TreeSet<Integer> partitions = new TreeSet<>();
                for (TopicPartition partition : consumer.assignment()) {
                    partitions.add(partition.partition());
                }
                String now = String.join(",", partitions.stream().map(String::valueOf).toList());
                if (!now.equals(before)) {
                    say(words[1], "has\t" + now);
                    before = now;
                }
            }
        }
        say(words[1], "left");
    }

    private static synchronized void say(String name, String what) {
        System.out.println("@\t" + name + "\t" + what);
    }
}
