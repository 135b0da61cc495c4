package careersites;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;

/** Turns a record's value into JSON, by its content-type header. */
final class Values {

  /** A value as JSON text, and parsed. */
  record Decoded(String text, JsonNode row) {}

  private final ObjectMapper json = new ObjectMapper();
  private final String registry = Settings.env("SCHEMA_REGISTRY_URL", "");
  private final HttpClient http = HttpClient.newHttpClient();
  private final Map<Integer, Schema> schemas = new HashMap<>();

  Decoded decode(byte[] value, String contentType) throws IOException {
    String text =
        switch (contentType) {
          case "application/json" -> new String(value, StandardCharsets.UTF_8); // byte for byte
          case "application/avro" -> avro(value);
          default -> throw new IOException("content-type \"" + contentType + "\" is not known to this program");
        };
    return new Decoded(text, json.readTree(text));
  }

  /** A zero byte, four bytes of schema id, and the body. */
  private String avro(byte[] value) throws IOException {
    Schema schema = schema(ByteBuffer.wrap(value, 1, 4).getInt());
    var body = DecoderFactory.get().binaryDecoder(value, 5, value.length - 5, null);
    return record(new GenericDatumReader<GenericRecord>(schema).read(null, body));
  }

  private Schema schema(int id) throws IOException {
    if (schemas.containsKey(id)) {
      return schemas.get(id);
    }
    if (registry.isEmpty()) {
      throw new IOException("the value is Avro: set SCHEMA_REGISTRY_URL");
    }
    try {
      var request = HttpRequest.newBuilder(URI.create(registry + "/schemas/ids/" + id)).build();
      var answer = http.send(request, BodyHandlers.ofString());
      if (answer.statusCode() != 200) {
        throw new IOException("schema " + id + ": the registry says " + answer.statusCode());
      }
      Schema schema = new Schema.Parser().parse(json.readTree(answer.body()).get("schema").asText());
      schemas.put(id, schema);
      return schema;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /**
   * A record as JSON text. Its "extra" has, as JSON text, each member that has no field and each
   * whose field can't give back its exact value.
   */
  private String record(GenericRecord record) throws IOException {
    Map<String, String> members = new LinkedHashMap<>();
    for (Schema.Field field : record.getSchema().getFields()) {
      Object value = record.get(field.pos());
      if (value != null && !field.name().equals("extra")) {
        members.put(field.name(), text(value, present(field.schema())));
      }
    }
    if (record.hasField("extra")) {
      ((Map<?, ?>) record.get("extra")).forEach((name, text) -> members.put(name.toString(), text.toString()));
    }
    StringBuilder out = new StringBuilder("{");
    for (var member : members.entrySet()) {
      out.append(out.length() > 1 ? "," : "").append(json.writeValueAsString(member.getKey())).append(':').append(member.getValue());
    }
    return out.append('}').toString();
  }

  private String text(Object value, Schema schema) throws IOException {
    if (value instanceof GenericRecord inner) {
      return record(inner);
    }
    if (value instanceof List<?> items) {
      StringBuilder out = new StringBuilder("[");
      for (Object item : items) {
        out.append(out.length() > 1 ? "," : "").append(text(item, present(schema.getElementType())));
      }
      return out.append(']').toString();
    }
    if ("timestamp-micros".equals(schema.getProp("logicalType"))) {
      Instant at = Instant.EPOCH.plus((Long) value, ChronoUnit.MICROS);
      String seconds = at.truncatedTo(ChronoUnit.SECONDS).toString().replace("Z", "");
      String fraction = String.format("%06d", at.getNano() / 1000).replaceAll("0+$", "");
      return json.writeValueAsString(seconds + (fraction.isEmpty() ? "" : "." + fraction) + "Z");
    }
    return json.writeValueAsString(value instanceof CharSequence ? value.toString() : value);
  }

  /** The type of a union with null. */
  private static Schema present(Schema schema) {
    if (schema.getType() != Schema.Type.UNION) {
      return schema;
    }
    return schema.getTypes().stream().filter(t -> t.getType() != Schema.Type.NULL).collect(Collectors.toList()).get(0);
  }
}
