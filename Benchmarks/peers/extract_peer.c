// What a bare C program does with the same driver and columns: connect, SELECT, and take each value into a buffer.
//
//   extract_peer CONNECTION SQL KINDS ROUNDS    KINDS: one letter a column, t for text, d for double; prints rows/s, the best
//
// It keeps nothing, converts nothing and believes everything: the measure for an extraction, not an extraction.
#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(SQLRETURN code, const char *what) {
    if (!SQL_SUCCEEDED(code)) {
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

int main(int count, char **words) {
    if (count != 5) return 64;
    const char *kinds = words[3];
    size_t columns = strlen(kinds);
    double best = 0;
    for (int round = 0; round < atoi(words[4]); round++) {
        double start = now();
        SQLHENV environment;
        SQLHDBC connection;
        SQLHSTMT statement;
        check(SQLAllocHandle(SQL_HANDLE_ENV, NULL, &environment), "environment");
        check(SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)SQL_OV_ODBC3, 0), "version");
        check(SQLAllocHandle(SQL_HANDLE_DBC, environment, &connection), "connection");
        check(SQLDriverConnect(connection, NULL, (SQLCHAR *)words[1], SQL_NTS, NULL, 0, NULL, SQL_DRIVER_NOPROMPT), "connect");
        check(SQLAllocHandle(SQL_HANDLE_STMT, connection, &statement), "statement");
        check(SQLExecDirect(statement, (SQLCHAR *)words[2], SQL_NTS), "select");
        static char text[4096];
        double number, sum = 0;
        SQLLEN length;
        long rows = 0;
        while (SQL_SUCCEEDED(SQLFetch(statement))) {
            for (size_t column = 0; column < columns; column++) {
                if (kinds[column] == 'd') {
                    check(SQLGetData(statement, (SQLUSMALLINT)(column + 1), SQL_C_DOUBLE, &number, 8, &length), "value");
                    if (length != SQL_NULL_DATA) sum += number;
                } else {
                    SQLRETURN code = SQLGetData(statement, (SQLUSMALLINT)(column + 1), SQL_C_CHAR, text, sizeof text, &length);
                    if (code != SQL_NO_DATA) check(code, "value");
                    if (length > 0) sum += text[0];
                }
            }
            rows++;
        }
        SQLFreeHandle(SQL_HANDLE_STMT, statement);
        SQLDisconnect(connection);
        SQLFreeHandle(SQL_HANDLE_DBC, connection);
        SQLFreeHandle(SQL_HANDLE_ENV, environment);
        double rate = (double)rows / (now() - start);
        if (rate > best) best = rate;
        if (sum == 0.5) puts("");
    }
    printf("%.0f\n", best);
    return 0;
}
