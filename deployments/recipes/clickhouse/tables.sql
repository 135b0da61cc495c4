-- A row for each version of a company that was read; a merge keeps the one with the highest offset. All versions of a
-- company are in one partition of the topic, so a higher offset is a newer version. What comes a second time, after a
-- crash, has the same offset and is merged away.
CREATE TABLE career_sites_versions
(
    id             String,
    name           Nullable(String),
    website        Nullable(String),
    logo_url       Nullable(String),
    summary        Nullable(String),
    industries     Array(String),
    categories     Array(String),
    linkedin_url   Nullable(String),
    crunchbase_url Nullable(String),
    ats            LowCardinality(Nullable(String)),
    listing_url    Nullable(String),
    discovered_at  Nullable(DateTime64(6, 'UTC')),
    updated_at     Nullable(DateTime64(6, 'UTC')),
    details_url    Nullable(String),
    value          String,
    offset         UInt64
)
ENGINE = ReplacingMergeTree(offset)
ORDER BY id;

CREATE MATERIALIZED VIEW career_sites_reader TO career_sites_versions AS
SELECT _key AS id,
       JSONExtract(value, 'name', 'Nullable(String)') AS name,
       JSONExtract(value, 'website', 'Nullable(String)') AS website,
       JSONExtract(value, 'logo_url', 'Nullable(String)') AS logo_url,
       JSONExtract(value, 'summary', 'Nullable(String)') AS summary,
       JSONExtract(value, 'industries', 'Array(String)') AS industries,
       JSONExtract(value, 'categories', 'Array(String)') AS categories,
       JSONExtract(value, 'linkedin_url', 'Nullable(String)') AS linkedin_url,
       JSONExtract(value, 'crunchbase_url', 'Nullable(String)') AS crunchbase_url,
       JSONExtract(value, 'ats', 'Nullable(String)') AS ats,
       JSONExtract(value, 'listing_url', 'Nullable(String)') AS listing_url,
       parseDateTime64BestEffortOrNull(JSONExtractString(value, 'discovered_at'), 6, 'UTC') AS discovered_at,
       parseDateTime64BestEffortOrNull(JSONExtractString(value, 'updated_at'), 6, 'UTC') AS updated_at,
       JSONExtract(value, 'details_url', 'Nullable(String)') AS details_url,
       value,
       _offset AS offset
FROM career_sites_queue;

-- What to query: FINAL merges what was not merged yet.
CREATE VIEW career_sites AS
SELECT * EXCEPT (offset) FROM career_sites_versions FINAL;
