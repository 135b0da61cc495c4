package careersites;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Turns a record's value into JSON, by its content-type header. */
final class Values {

  /** A value as JSON text, and parsed. */
  record Decoded(String text, JsonNode row) {}

  private final ObjectMapper json = new ObjectMapper();

  Decoded decode(byte[] value, String contentType) throws IOException {
    if (!contentType.equals("application/json")) {
      throw new IOException("content-type \"" + contentType + "\" is not known to this program");
    }
    return new Decoded(new String(value, StandardCharsets.UTF_8), json.readTree(value)); // byte for byte
  }
}
