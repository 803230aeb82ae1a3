/// The rules of the made plant.
enum Plant {
    struct Operation: Sendable {
        let code: String
        let name: String
        let group: String
        /// Minutes of a common part.
        let setup: Double
        let run: Double
        var isOutsourced = false
    }

    struct Material: Sendable {
        let name: String
        /// Grams for each cubic centimetre.
        let density: Double
        /// How much longer cutting takes than in common steel.
        let toughness: Double
        let canHarden: Bool
    }

    struct Family: Sendable {
        let name: String
        let title: String
        let isTurned: Bool
        /// Millimetres, least and greatest.
        let diameter: ClosedRange<Double>
        let length: ClosedRange<Double>
        let mostHoles: UInt64
    }

    static let operations = [
        Operation(code: "OP010", name: "절단", group: "CUT", setup: 10, run: 1.5),
        Operation(code: "OP020", name: "CNC선반", group: "CNC", setup: 45, run: 6),
        Operation(code: "OP030", name: "머시닝센터", group: "MCT", setup: 70, run: 10),
        Operation(code: "OP040", name: "드릴", group: "DRL", setup: 20, run: 2),
        Operation(code: "OP050", name: "탭", group: "DRL", setup: 15, run: 1.2),
        Operation(code: "OP060", name: "방전가공", group: "EDM", setup: 40, run: 14),
        Operation(code: "OP070", name: "열처리", group: "OUT", setup: 0, run: 0.4, isOutsourced: true),
        Operation(code: "OP080", name: "원통연삭", group: "GRD", setup: 35, run: 5),
        Operation(code: "OP090", name: "평면연삭", group: "GRD", setup: 30, run: 4),
        Operation(code: "OP100", name: "기어가공", group: "GEA", setup: 60, run: 9),
        Operation(code: "OP110", name: "래핑", group: "FIN", setup: 12, run: 3),
        Operation(code: "OP120", name: "디버링", group: "FIN", setup: 5, run: 1),
        Operation(code: "OP130", name: "도금", group: "OUT", setup: 0, run: 0.6, isOutsourced: true),
        Operation(code: "OP140", name: "레이저마킹", group: "FIN", setup: 8, run: 0.5),
        Operation(code: "OP150", name: "최종검사", group: "QC", setup: 5, run: 1.6),
        Operation(code: "OP160", name: "포장", group: "PKG", setup: 3, run: 0.5),
    ]

    static let materials = [
        Material(name: "S45C", density: 7.85, toughness: 1, canHarden: true),
        Material(name: "SCM440", density: 7.85, toughness: 1.25, canHarden: true),
        Material(name: "SUS304", density: 7.93, toughness: 1.5, canHarden: false),
        Material(name: "SKD11", density: 7.7, toughness: 1.8, canHarden: true),
        Material(name: "AL6061", density: 2.7, toughness: 0.6, canHarden: false),
        Material(name: "C3604", density: 8.5, toughness: 0.7, canHarden: false),
    ]

    static let families = [
        Family(name: "SHAFT", title: "샤프트", isTurned: true, diameter: 8...90, length: 40...600, mostHoles: 2),
        Family(name: "BUSH", title: "부시", isTurned: true, diameter: 12...120, length: 10...120, mostHoles: 2),
        Family(name: "FLANGE", title: "플랜지", isTurned: true, diameter: 50...320, length: 10...60, mostHoles: 12),
        Family(name: "GEAR", title: "기어", isTurned: true, diameter: 30...260, length: 12...80, mostHoles: 4),
        Family(name: "PIN", title: "핀", isTurned: true, diameter: 3...25, length: 10...120, mostHoles: 0),
        Family(name: "BLOCK", title: "블록", isTurned: false, diameter: 20...160, length: 30...300, mostHoles: 10),
        Family(name: "PLATE", title: "플레이트", isTurned: false, diameter: 60...400, length: 60...500, mostHoles: 16),
        Family(name: "HOUSING", title: "하우징", isTurned: false, diameter: 60...280, length: 60...320, mostHoles: 14),
    ]
}

/// The tables of the made database.
enum Schema {
    private static let layout:
        [(name: String, korean: String, columns: [(name: String, korean: String, type: String)])] = [
            (
                "OperationCode", "공정코드",
                [
                    ("OP_CD", "공정코드", "TEXT"), ("OP_NM", "공정명", "TEXT"), ("WC_GRP", "작업장그룹", "TEXT"),
                    ("STD_SETUP_MIN", "표준준비시간", "REAL"), ("STD_RUN_MIN", "표준가공시간", "REAL"),
                    ("OUTSOURCE_YN", "외주여부", "INTEGER"),
                ]
            ),
            (
                "ItemMaster", "품목마스터",
                [
                    ("ITEM_CD", "품번", "TEXT"), ("ITEM_NM", "품명", "TEXT"), ("ITEM_GRP", "품목군", "TEXT"),
                    ("MATERIAL_CD", "재질", "TEXT"), ("OUTER_DIA_MM", "외경", "REAL"), ("WIDTH_MM", "폭", "REAL"),
                    ("LENGTH_MM", "길이", "REAL"), ("WEIGHT_KG", "중량", "REAL"), ("TOLERANCE_MM", "공차", "REAL"),
                    ("HARDNESS_HRC", "경도", "INTEGER"), ("HOLE_CNT", "홀수", "INTEGER"),
                    ("THREAD_YN", "나사여부", "INTEGER"), ("SURFACE_CD", "표면처리", "TEXT"),
                    ("STD_PRICE", "표준단가", "REAL"), ("REG_DT", "등록일", "TEXT"), ("USE_YN", "사용여부", "INTEGER"),
                    ("REMARK", "비고", "TEXT"),
                ]
            ),
            (
                "RoutingOperation", "공정순서",
                [
                    ("ITEM_CD", "품번", "TEXT"), ("ROUTING_NO", "라우팅번호", "TEXT"), ("OP_SEQ", "공정순번", "INTEGER"),
                    ("OP_CD", "공정코드", "TEXT"), ("WC_CD", "작업장", "TEXT"), ("OUTSOURCE_YN", "외주여부", "INTEGER"),
                    ("SETUP_MIN", "준비시간", "REAL"), ("RUN_MIN_PER_EA", "개당가공시간", "REAL"),
                    ("OUT_LEAD_DAYS", "외주납기", "INTEGER"),
                ]
            ),
            (
                "WorkOrder", "작업지시",
                [
                    ("WO_NO", "지시번호", "TEXT"), ("ITEM_CD", "품번", "TEXT"), ("ROUTING_NO", "라우팅번호", "TEXT"),
                    ("ORDER_QTY", "지시수량", "INTEGER"), ("ORDER_DT", "지시일", "TEXT"), ("STATUS", "상태", "TEXT"),
                    ("REWORK_YN", "재작업여부", "INTEGER"),
                ]
            ),
            (
                "WorkResult", "작업실적",
                [
                    ("RESULT_ID", "실적번호", "INTEGER"), ("WO_NO", "지시번호", "TEXT"), ("OP_SEQ", "공정순번", "INTEGER"),
                    ("OP_CD", "공정코드", "TEXT"), ("MACHINE_CD", "설비코드", "TEXT"), ("WORKER_CD", "작업자코드", "TEXT"),
                    ("START_DT", "시작일시", "TEXT"), ("END_DT", "종료일시", "TEXT"), ("WORK_MIN", "작업시간", "REAL"),
                    ("GOOD_QTY", "양품수량", "INTEGER"), ("BAD_QTY", "불량수량", "INTEGER"),
                    ("REPORT_TYPE", "실적구분", "TEXT"),
                ]
            ),
        ]

    static func tables(isKorean: Bool) -> [SamplePlant.Table] {
        layout.map { table in
            SamplePlant.Table(
                name: table.name,
                title: isKorean ? table.korean : table.name,
                columns: table.columns.map { (isKorean ? $0.korean : $0.name, $0.type) }
            )
        }
    }
}
