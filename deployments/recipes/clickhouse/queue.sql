-- The topic as it comes: one column with the whole value. The columns _key and _offset are the record's own.
-- Change the brokers and the topic. The group is the one that ClickHouse commits its offsets to.
CREATE TABLE career_sites_queue (value String)
ENGINE = Kafka
SETTINGS kafka_broker_list = 'localhost:9092',
         kafka_topic_list = 'jobo.career-sites.v1',
         kafka_group_name = 'clickhouse-career-sites',
         kafka_format = 'JSONAsString';
