// What a bare C program does with the same LMDB environment: the measure for the log's own appends and scans.
//
//   append_peer append LOG BATCH SECONDS   puts the rows ev, sr, id of BATCH events per durable commit; prints events/s
//   append_peer scan LOG                   runs a cursor over ev and hashes each record;                prints events/s
//
// It keeps no rules: no validation, no conditions, no head, no Merkle tree. Never run it on a log that matters.
#include <endian.h>
#include <lmdb.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_STREAMS = 1 << 20 };

struct stream {
    uint8_t key[16];
    uint64_t version;
};

static struct stream *streams;
static size_t stream_count;

static void check(int code, const char *what) {
    if (code != MDB_SUCCESS) {
        fprintf(stderr, "%s: %s\n", what, mdb_strerror(code));
        exit(1);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static MDB_env *open_log(const char *path) {
    MDB_env *env;
    check(mdb_env_create(&env), "create");
    check(mdb_env_set_maxdbs(env, 7), "maxdbs");
    check(mdb_env_set_maxreaders(env, 1024), "maxreaders");
    check(mdb_env_set_mapsize(env, 64UL << 30), "mapsize");
    check(mdb_env_open(env, path, MDB_NOTLS, 0600), "open");
    return env;
}

static void scan(MDB_env *env) {
    MDB_txn *txn;
    MDB_dbi ev;
    MDB_cursor *cursor;
    MDB_val key, value;
    check(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), "begin");
    check(mdb_dbi_open(txn, "ev", 0, &ev), "ev");
    check(mdb_cursor_open(txn, ev, &cursor), "cursor");
    uint8_t digest[32], sum = 0;
    size_t count = 0;
    double start = now();
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
        SHA256(value.mv_data, value.mv_size, digest);
        sum ^= digest[0];
        count++;
    }
    double seconds = now() - start;
    fprintf(stderr, "%zu events, %02x\n", count, sum);
    printf("%.0f\n", (double)count / seconds);
}

// The streams that the log has, with the version each is at: what the appended events go on from.
static void read_streams(MDB_txn *txn, MDB_dbi sr) {
    MDB_cursor *cursor;
    MDB_val key, value;
    streams = calloc(MAX_STREAMS, sizeof *streams);
    check(mdb_cursor_open(txn, sr, &cursor), "cursor");
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS) {
        if (stream_count == 0 || memcmp(streams[stream_count - 1].key, key.mv_data, 16) != 0) {
            if (stream_count == MAX_STREAMS) break;
            memcpy(streams[stream_count++].key, key.mv_data, 16);
        }
        uint64_t version;
        memcpy(&version, (uint8_t *)key.mv_data + 16, 8);
        streams[stream_count - 1].version = be64toh(version);
    }
    mdb_cursor_close(cursor);
}

static void put(MDB_txn *txn, MDB_dbi dbi, void *key, size_t key_size, void *value, size_t size, unsigned flags) {
    MDB_val k = {key_size, key}, v = {size, value};
    check(mdb_put(txn, dbi, &k, &v, flags), "put");
}

static void append(MDB_env *env, size_t batch, double seconds) {
    MDB_txn *txn;
    MDB_dbi ev, sr, id;
    MDB_cursor *cursor;
    MDB_val key, value;
    check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
    check(mdb_dbi_open(txn, "ev", 0, &ev), "ev");
    check(mdb_dbi_open(txn, "sr", 0, &sr), "sr");
    check(mdb_dbi_open(txn, "id", 0, &id), "id");
    read_streams(txn, sr);
    check(mdb_cursor_open(txn, ev, &cursor), "cursor");
    check(mdb_cursor_get(cursor, &key, &value, MDB_LAST), "last");
    uint64_t position;
    memcpy(&position, key.mv_data, 8);
    position = be64toh(position) + 1;
    // The last record is the form of every new one: the same bytes that the log writes, only the places filled in.
    size_t size = value.mv_size;
    uint8_t *record = malloc(size);
    memcpy(record, value.mv_data, size);
    mdb_cursor_close(cursor);
    check(mdb_txn_commit(txn), "commit");

    uint64_t events = 0, random = 1;
    double start = now(), end = start + seconds;
    while (now() < end) {
        check(mdb_txn_begin(env, NULL, 0, &txn), "begin");
        for (size_t i = 0; i < batch; i++, position++, events++) {
            random = random * 6364136223846793005ULL + 1442695040888963407ULL;
            struct stream *stream = &streams[(random >> 33) % stream_count];
            uint64_t be_position = htobe64(position), be_version = htobe64(++stream->version);
            uint8_t version_key[24];
            memcpy(version_key, stream->key, 16);
            memcpy(version_key + 16, &be_version, 8);
            memcpy(record + 4, &be_position, 8);
            memset(record + 32, 0xff, 8);
            memcpy(record + 40, &be_position, 8);
            memcpy(record + 48, stream->key, 16);
            memcpy(record + 64, &be_version, 8);
            put(txn, ev, &be_position, 8, record, size, MDB_APPEND);
            put(txn, sr, version_key, 24, &be_position, 8, MDB_NOOVERWRITE);
            put(txn, id, record + 32, 16, &be_position, 8, MDB_APPEND);
        }
        check(mdb_txn_commit(txn), "commit");
    }
    printf("%.0f\n", (double)events / (now() - start));
}

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "scan") == 0) {
        scan(open_log(words[2]));
    } else if (count == 5 && strcmp(words[1], "append") == 0) {
        append(open_log(words[2]), strtoul(words[3], NULL, 10), strtod(words[4], NULL));
    } else {
        fprintf(stderr, "usage: append_peer append LOG BATCH SECONDS | append_peer scan LOG\n");
        return 64;
    }
    return 0;
}
