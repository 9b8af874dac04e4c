import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Apache Kafka's own clients, for the interoperation tests. Records go through standard input and output, one a line:
 * partition, timestamp, key, value and headers, separated by tabs. See record-lines.ts.
 */
public final class Interop {
  private static final HexFormat HEX = HexFormat.of();

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "write" -> write(args[1], args[2], args[3]);
      case "read" -> read(args[1], args[2], Integer.parseInt(args[3]));
      case "transactions" -> transactions(args[1], args[2], Integer.parseInt(args[3]));
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  /** Writes the records of standard input; prints the partition of each. */
  private static void write(String brokers, String topic, String codec) throws Exception {
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    try (var producer = producer(brokers, Map.of("compression.type", codec, "linger.ms", "5"))) {
      var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        String[] parts = line.split("\t", -1);
        Integer partition = parts[0].isEmpty() ? null : Integer.valueOf(parts[0]);
        Long timestamp = parts[1].isEmpty() ? null : Long.valueOf(parts[1]);
        var record = new ProducerRecord<>(topic, partition, timestamp, bytes(parts[2]), bytes(parts[3]));
        if (!parts[4].isEmpty()) {
          for (String header : parts[4].split(",")) {
            String[] pair = header.split(":", -1);
            record.headers().add(new String(bytes(pair[0]), StandardCharsets.UTF_8), bytes(pair[1]));
          }
        }
        sent.add(producer.send(record));
      }
      producer.flush();
    }
    for (var each : sent) System.out.println(each.get().partition());
  }

  /** Prints the first records of all partitions. */
  private static void read(String brokers, String topic, int count) {
    var settings = settings(brokers);
    settings.put("auto.offset.reset", "earliest");
    settings.put("isolation.level", "read_committed");
    try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(
          consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList());
      for (int left = count; left > 0; ) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          System.out.println(line(record));
          left--;
        }
      }
    }
  }

  /**
   * Two transactional producers and a plain one take turns on all partitions; every third transaction aborts. Values
   * say what becomes of them.
   */
  private static void transactions(String brokers, String topic, int rounds) throws Exception {
    var producers = new ArrayList<KafkaProducer<byte[], byte[]>>();
    for (int i = 0; i < 2; i++) {
      producers.add(producer(brokers, Map.of("transactional.id", topic + "-" + i, "batch.size", "200")));
      producers.get(i).initTransactions();
    }
    try (var plain = producer(brokers, Map.of())) {
      int partitions = plain.partitionsFor(topic).size();
      for (int round = 0; round < rounds; round++) {
        for (var producer : producers) producer.beginTransaction();
        for (int n = 0; n < 12; n++) {
          for (int i = 0; i < producers.size(); i++) {
            String fate = (round + i) % 3 == 0 ? "aborted" : "committed";
            producers.get(i).send(text(topic, n % partitions, fate + " " + round + " " + i + " " + n));
            producers.get(i).flush();
          }
          plain.send(text(topic, n % partitions, "plain " + round + " " + n)).get();
        }
        for (int i = 0; i < producers.size(); i++) {
          if ((round + i) % 3 == 0) producers.get(i).abortTransaction();
          else producers.get(i).commitTransaction();
        }
      }
    }
    for (var producer : producers) producer.close();
  }

  private static ProducerRecord<byte[], byte[]> text(String topic, int partition, String value) {
    return new ProducerRecord<>(topic, partition, null, value.getBytes(StandardCharsets.UTF_8));
  }

  private static KafkaProducer<byte[], byte[]> producer(String brokers, Map<String, String> more) {
    var settings = settings(brokers);
    settings.putAll(more);
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static Properties settings(String brokers) {
    var settings = new Properties();
    settings.put("bootstrap.servers", brokers);
    return settings;
  }

  private static String line(ConsumerRecord<byte[], byte[]> record) {
    var headers = new ArrayList<String>();
    for (Header header : record.headers()) {
      headers.add(hex(header.key().getBytes(StandardCharsets.UTF_8)) + ":" + hex(header.value()));
    }
    return String.join(
        "\t",
        String.valueOf(record.partition()),
        String.valueOf(record.timestamp()),
        hex(record.key()),
        hex(record.value()),
        String.join(",", headers));
  }

  private static String hex(byte[] bytes) {
    return bytes == null ? "null" : HEX.formatHex(bytes);
  }

  private static byte[] bytes(String hex) {
    return hex.equals("null") ? null : HEX.parseHex(hex);
  }
}
