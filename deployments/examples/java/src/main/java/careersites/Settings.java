package careersites;

/** What the environment says. */
record Settings(String brokers, String careerSites, String progress, String table, String group, int batch) {

  static Settings load() {
    return new Settings(
        env("KAFKA_BROKERS", "127.0.0.1:9092"),
        env("CAREER_SITES_TOPIC", "jobo.career-sites.v1"),
        env("PROGRESS_TOPIC", "jobo.career-sites.progress.v1"),
        env("TABLE", "companies.db"),
        env("GROUP_ID", "example-java"),
        Integer.parseInt(env("BATCH_SIZE", "500")));
  }

  static String env(String name, String otherwise) {
    String value = System.getenv(name);
    return value == null || value.isEmpty() ? otherwise : value;
  }
}
