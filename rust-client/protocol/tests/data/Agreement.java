import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * Reads lines of "request|response KEY VERSION HEX", decodes each with Kafka's own codec, encodes the result, and compares.
 */
public class Agreement {
    public static void main(String[] arguments) throws Exception {
        List<String> lines = new ArrayList<>();
        try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                lines.add(line);
            }
        }
        int different = 0;
        for (String line : lines) {
            String[] parts = line.split(" ", 4);
            String problem;
            try {
                problem = compare(parts[0], Short.parseShort(parts[1]), Short.parseShort(parts[2]), parts[3]);
            } catch (RuntimeException e) {
                problem = e.toString();
            }
            if (problem != null && different++ < 20) {
                System.out.println(line + "\n  " + problem);
            }
        }
        if (different > 0) {
            System.out.println(different + " of " + lines.size() + " messages differ");
            System.exit(1);
        }
        System.out.println(lines.size() + " messages agree");
    }

    private static String compare(String kind, short key, short version, String hex) {
        byte[] bytes = HexFormat.of().parseHex(hex);
        ApiMessageType type = ApiMessageType.fromApiKey(key);
        ApiMessage message = kind.equals("request") ? type.newRequest() : type.newResponse();
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        message.read(new ByteBufferAccessor(buffer), version);
        if (buffer.hasRemaining()) {
            return buffer.remaining() + " bytes are left of " + message;
        }
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer written = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(written), cache, version);
        String back = HexFormat.of().formatHex(written.array());
        return back.equals(hex) ? null : "is written as " + back + " from " + message;
    }
}
