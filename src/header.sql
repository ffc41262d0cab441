-- tracer: data incident correlation for PostgreSQL.
-- Made by `make` from src/*/*.sql; edit those.
\echo Use "CREATE EXTENSION tracer" to load this file. \quit
