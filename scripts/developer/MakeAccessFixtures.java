import com.healthmarketscience.jackcess.*;
import java.io.File;
import java.math.BigDecimal;
import java.time.LocalDateTime;

/** Makes the small Access files of Tests/ExtractionTests/Fixtures: made-up items with every trap of the Access driver. */
public class MakeAccessFixtures {
    public static void main(String[] words) throws Exception {
        if (words.length > 1) {
            large(new File(words[0], "large.accdb"), Integer.parseInt(words[1]));
            return;
        }
        traps(new File(words[0], "traps.accdb"));
        korean(new File(words[0], "korean.mdb"));
    }

    /** So many operations, for a measurement. */
    static void large(File file, int rows) throws Exception {
        try (Database db = DatabaseBuilder.create(Database.FileFormat.V2010, file)) {
            Table operations = new TableBuilder("RoutingOperation")
                .addColumn(text("ITEM_CD", 30)).addColumn(column("OP_SEQ", DataType.INT)).addColumn(text("OP_CD", 10))
                .addColumn(column("SETUP_MIN", DataType.DOUBLE)).addColumn(column("RUN_MIN_PER_EA", DataType.DOUBLE)).toTable(db);
            java.util.List<Object[]> list = new java.util.ArrayList<>();
            for (int i = 0; i < rows; i++) {
                list.add(new Object[] {
                    String.format("P-%06d", i / 7), (short) ((i % 7 + 1) * 10), String.format("OP%02d", i % 24), 5.0 + i % 13, 0.37 * (i % 101)
                });
            }
            operations.addRows(list);
        }
    }

    static ColumnBuilder text(String name, int length) { return new ColumnBuilder(name, DataType.TEXT).setLengthInUnits(length); }

    static ColumnBuilder column(String name, DataType type) { return new ColumnBuilder(name, type); }

    /** English names, and values that come out wrong or cut. */
    static void traps(File file) throws Exception {
        try (Database db = DatabaseBuilder.create(Database.FileFormat.V2010, file)) {
            Table items = new TableBuilder("ItemMaster")
                .addColumn(text("ITEM_CD", 30)).addColumn(text("ITEM_NM", 100)).addColumn(text("OUTER_DIA_MM", 20))
                .addColumn(column("INNER_DIA_MM", DataType.FLOAT)).addColumn(column("WIDTH_MM", DataType.DOUBLE))
                .addColumn(column("WEIGHT_KG", DataType.NUMERIC).setPrecision(18).setScale(4))
                .addColumn(column("STD_PRICE", DataType.MONEY)).addColumn(column("HARDNESS_HRC", DataType.INT))
                .addColumn(column("HOLE_CNT", DataType.BYTE)).addColumn(column("THREAD_YN", DataType.BOOLEAN))
                .addColumn(column("REG_DT", DataType.SHORT_DATE_TIME)).addColumn(column("DRAWING_NO", DataType.BINARY).setLength(20))
                .addColumn(column("REMARK", DataType.MEMO)).toTable(db);
            LocalDateTime day = LocalDateTime.of(2012, 1, 29, 23, 24, 0);
            byte[] bytes = {1, 0, 2};
            Object[][] rows = {
                {"P-001", "축 하우징", "1,250", 12.5f, 3.25, new BigDecimal("1.2345"), new BigDecimal("1234.5678"), (short) 45, (byte) 200, true, day, bytes, null},
                {"P-002", "Grüße 歯車", "１２５", 0.1f, -0.5, new BigDecimal("-9999.5"), new BigDecimal("-1.25"), (short) -3, (byte) 0, false, LocalDateTime.of(1850, 6, 1, 0, 0), null, ""},
                {"P-003", "베어링", "φ35", null, 1e-7, null, null, null, null, true, LocalDateTime.of(2029, 12, 31, 0, 0), null, "가".repeat(20_000)},
                {"P-004", "볼트 😀", "12.5  ", 3.5f, 123456789.125, BigDecimal.ZERO, BigDecimal.ONE, (short) 0, (byte) 1, false, null, null, "짧은 비고"},
                {"P-005", "", "", 1f, 1.0, BigDecimal.ONE, BigDecimal.ONE, (short) 1, (byte) 1, false, day, null, "   "},
                {"P-006", null, null, 1f, 1.0, BigDecimal.ONE, BigDecimal.ONE, (short) 1, (byte) 1, false, day, null, null},
                {"P-007  ", "스페이서", "abc", 1f, 1.0, BigDecimal.ONE, BigDecimal.ONE, (short) 1, (byte) 1, false, day, null, null},
                {null, "번호 없음", "1,25", 1f, 1.0, BigDecimal.ONE, BigDecimal.ONE, (short) 1, (byte) 1, false, day, null, null},
            };
            for (Object[] row : rows) items.addRow(row);
            Table operations = new TableBuilder("RoutingOperation")
                .addColumn(text("ITEM_CD", 30)).addColumn(column("OP_SEQ", DataType.INT)).addColumn(text("OP_CD", 10))
                .addColumn(column("SETUP_MIN", DataType.DOUBLE)).addColumn(column("RUN_HR_PER_EA", DataType.DOUBLE)).toTable(db);
            for (int i = 1; i <= 7; i++) {
                for (int step = 1; step <= 3; step++) {
                    operations.addRow(String.format("P-%03d", i), (short) (step * 10), "OP" + step, step * 5.0, i * 0.25);
                }
            }
        }
    }

    /** The same schema under Korean names, with blanks and a reserved word, in the older format. */
    static void korean(File file) throws Exception {
        try (Database db = DatabaseBuilder.create(Database.FileFormat.V2003, file)) {
            Table items = new TableBuilder("품목 마스터")
                .addColumn(text("품목 코드", 30)).addColumn(text("품명", 100)).addColumn(text("재질", 20))
                .addColumn(column("외경 (mm)", DataType.DOUBLE)).addColumn(column("길이(cm)", DataType.DOUBLE))
                .addColumn(column("나사 여부", DataType.BOOLEAN)).addColumn(column("등록일", DataType.SHORT_DATE_TIME)).toTable(db);
            Table operations = new TableBuilder("공정순서")
                .addColumn(text("품목 코드", 30)).addColumn(column("순번", DataType.INT)).addColumn(text("공정코드", 10))
                .addColumn(column("준비시간(분)", DataType.DOUBLE)).addColumn(column("가공시간(시간)", DataType.DOUBLE)).toTable(db);
            Table orders = new TableBuilder("Order")
                .addColumn(text("Order No", 20)).addColumn(text("Item", 30)).addColumn(column("Qty", DataType.LONG)).toTable(db);
            for (int i = 1; i <= 20; i++) {
                items.addRow("품-" + i, "축 " + i, i % 2 == 0 ? "S45C" : "SUS304", i * 1.5, i * 10.0, i % 3 == 0, LocalDateTime.of(2020, 1, i, 8, 30));
                for (int step = 1; step <= 2; step++) operations.addRow("품-" + i, (short) (step * 10), "공정" + step, step * 7.5, step * 0.1);
                orders.addRow("W-" + i, "품-" + i, i * 100);
            }
        }
    }
}
