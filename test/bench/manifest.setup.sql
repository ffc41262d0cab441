-- A manifest of 7,000 models with a test each, some 34 MB, as a dbt project of that size has it.
CREATE TABLE manifest AS
SELECT jsonb_build_object(
         'metadata', '{"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "shop", "generated_at": "2024-01-15T00:00:00Z"}'::jsonb,
         'sources', (SELECT jsonb_object_agg('source.shop.raw.t' || i, jsonb_build_object('resource_type', 'source', 'name', 't' || i, 'source_name', 'raw', 'relation_name', format('"wh"."raw"."t%s"', i)))
                       FROM generate_series(0, 299) AS i),
         'nodes', (SELECT jsonb_object_agg('model.shop.m' || i, jsonb_build_object(
                            'resource_type', 'model', 'name', 'm' || i, 'package_name', 'shop', 'relation_name', format('"wh"."dbt"."m%s"', i), 'description', 'A mart',
                            'config', jsonb_build_object('materialized', 'table', 'meta', jsonb_build_object('owner', 'team' || i % 20, 'tier', i % 4 + 1)), 'tags', '["nightly"]'::jsonb,
                            'raw_code', repeat('select o.id, o.amount from {{ ref(''x'') }} as o join {{ ref(''y'') }} as c using (customer_id) ', 14),
                            'compiled_code', repeat('select o.id, o.amount from wh.dbt.x as o join wh.dbt.y as c using (customer_id) ', 14),
                            'columns', (SELECT jsonb_object_agg('c' || c, '{"description": "The column of that name, as the source has it", "meta": {}, "data_type": null, "constraints": [], "tags": []}'::jsonb) FROM generate_series(1, 8) AS c),
                            'depends_on', jsonb_build_object('nodes', CASE WHEN i < 50 THEN jsonb_build_array('source.shop.raw.t' || i * 6)
                                                                       ELSE jsonb_build_array('model.shop.m' || i - 1 - i * 7 % 50, 'model.shop.m' || i - 1 - i * 11 % 49) END)))
                     FROM generate_series(0, 6999) AS i)
                  || (SELECT jsonb_object_agg(format('test.shop.not_null_m%s_id.abc', i), jsonb_build_object(
                            'resource_type', 'test', 'attached_node', 'model.shop.m' || i, 'depends_on', jsonb_build_object('nodes', jsonb_build_array('model.shop.m' || i))))
                        FROM generate_series(0, 6999) AS i))::text AS body;
