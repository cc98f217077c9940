import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HexFormat;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

/**
 * Where the kafka-clients jar's producer puts keys. Argument: how many partitions. Standard input: a key in hex each line.
 * Answers each with its partition.
 */
public class PartitionReference {
    public static void main(String[] arguments) throws Exception {
        int partitions = Integer.parseInt(arguments[0]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        StringBuilder out = new StringBuilder();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.append(BuiltInPartitioner.partitionForKey(HexFormat.of().parseHex(line), partitions)).append('\n');
        }
        System.out.print(out);
    }
}
