extension SourceProfile {
    /// The profile for a database in the plant schema, under its English names or the Korean and Japanese ones for the same.
    ///
    /// Only the items are required, and a record of what was done to them: routings, or results of work. Every other column is
    /// taken where the source has it.
    package static let plantSchema = SourceProfile(
        name: "plant-schema",
        tables: [
            items, operationCodes, workCenters, machines, routingHeaders, routingOperations, workOrders, workResults,
        ],
        atLeastOneOf: ["RoutingOperation", "WorkResult"]
    )

    private static let itemCode = ["ITEM_CD", "품목코드", "품번", "자재코드", "品目コード", "品番"]
    private static let operationCode = ["OP_CD", "공정코드", "工程コード"]
    private static let workCenterCode = ["WC_CD", "작업장코드", "작업장", "ワークセンタコード", "ワークセンタ"]
    private static let routingNumber = ["ROUTING_NO", "라우팅번호", "라우팅", "工順番号"]
    private static let sequence = ["OP_SEQ", "공정순서", "공정순번", "순번", "工程順序", "工順"]
    private static let inUse = ["USE_YN", "사용여부", "사용유무", "使用区分"]
    private static let outsourced = ["OUTSOURCE_YN", "외주여부", "외주", "外注区分"]
    private static let remark = ["REMARK", "비고", "備考"]
    private static let setupMinutes = ["SETUP_MIN", "준비시간", "셋업시간", "段取時間"]

    private static func length(_ name: String, _ names: String...) -> ColumnMapping {
        ColumnMapping(name, .number, from: [name] + names, unit: .millimetre)
    }

    private static func minutes(_ name: String, _ names: [String]) -> ColumnMapping {
        ColumnMapping(name, .number, from: names, unit: .minute)
    }

    private static func key(_ name: String, _ names: [String]) -> ColumnMapping {
        ColumnMapping(name, .text, from: names, isRequired: true, nulls: .counted)
    }

    private static func text(_ name: String, _ names: String...) -> ColumnMapping {
        ColumnMapping(name, .text, from: [name] + names)
    }

    private static func number(_ name: String, _ names: String...) -> ColumnMapping {
        ColumnMapping(name, .number, from: [name] + names)
    }

    private static func moment(_ name: String, _ names: String...) -> ColumnMapping {
        ColumnMapping(name, .moment, from: [name] + names)
    }

    private static func truth(_ name: String, _ names: [String]) -> ColumnMapping {
        ColumnMapping(name, .truth, from: names)
    }

    private static let items = TableMapping(
        "ItemMaster",
        from: ["ItemMaster", "품목마스터", "품목정보", "品目マスタ"],
        isRequired: true,
        columns: [
            key("ITEM_CD", itemCode),
            text("ITEM_NM", "품명", "품목명", "品名", "品目名"),
            text("ITEM_GRP", "품목군", "품목그룹", "品目群"),
            text("MATERIAL_CD", "재질", "재질코드", "材質"),
            length("OUTER_DIA_MM", "외경", "外径"),
            length("INNER_DIA_MM", "내경", "内径"),
            length("WIDTH_MM", "폭", "너비", "幅"),
            length("LENGTH_MM", "길이", "長さ"),
            length("THICKNESS_MM", "두께", "厚さ", "厚み"),
            ColumnMapping("WEIGHT_KG", .number, from: ["WEIGHT_KG", "중량", "무게", "重量"], unit: .kilogram),
            length("TOLERANCE_MM", "공차", "公差"),
            number("HARDNESS_HRC", "경도", "경도(HRC)", "硬度"),
            number("HOLE_CNT", "홀수", "구멍수", "穴数"),
            truth("THREAD_YN", ["THREAD_YN", "나사여부", "나사가공여부", "ねじ有無"]),
            text("SURFACE_CD", "표면처리", "표면처리코드", "表面処理"),
            text("DRAWING_NO", "도면번호", "도번", "図番"),
            text("DRAWING_REV", "도면개정", "도면리비전", "図面改訂"),
            text("CUSTOMER_CD", "고객코드", "거래처코드", "得意先コード"),
            number("STD_PRICE", "표준단가", "단가", "標準単価"),
            moment("REG_DT", "등록일", "등록일자", "登録日"),
            truth("USE_YN", inUse),
            ColumnMapping("REMARK", .text, from: remark),
        ]
    )

    private static let operationCodes = TableMapping(
        "OperationCode",
        from: ["OperationCode", "공정코드", "공정마스터", "工程マスタ"],
        columns: [
            key("OP_CD", operationCode),
            text("OP_NM", "공정명", "工程名"),
            text("WC_GRP", "작업장그룹", "작업장군", "ワークセンタ群"),
            minutes("STD_SETUP_MIN", ["STD_SETUP_MIN", "표준준비시간", "標準段取時間"]),
            minutes("STD_RUN_MIN", ["STD_RUN_MIN", "표준가공시간", "표준작업시간", "標準加工時間"]),
            truth("OUTSOURCE_YN", outsourced),
            truth("QC_YN", ["QC_YN", "검사여부", "検査区分"]),
        ]
    )

    private static let workCenters = TableMapping(
        "WorkCenter",
        from: ["WorkCenter", "작업장", "작업장마스터", "ワークセンタ"],
        columns: [
            key("WC_CD", workCenterCode),
            text("WC_NM", "작업장명", "ワークセンタ名"),
            text("DEPT_CD", "부서코드", "部門コード"),
            number("COST_PER_HR", "시간당비용", "임률", "時間単価"),
            minutes("CAPACITY_MIN", ["CAPACITY_MIN", "능력시간", "能力時間"]),
        ]
    )

    private static let machines = TableMapping(
        "Machine",
        from: ["Machine", "설비", "설비마스터", "設備"],
        columns: [
            key("MACHINE_CD", ["MACHINE_CD", "설비코드", "設備コード"]),
            ColumnMapping("WC_CD", .text, from: workCenterCode),
            text("MACHINE_NM", "설비명", "設備名"),
            truth("USE_YN", inUse),
        ]
    )

    private static let routingHeaders = TableMapping(
        "RoutingHeader",
        from: ["RoutingHeader", "라우팅", "라우팅마스터", "工順"],
        columns: [
            key("ITEM_CD", itemCode),
            ColumnMapping("ROUTING_NO", .text, from: routingNumber),
            text("REV", "개정", "리비전", "改訂"),
            moment("VALID_FROM", "유효시작일", "有効開始日"),
            moment("VALID_TO", "유효종료일", "有効終了日"),
            truth("APPROVED_YN", ["APPROVED_YN", "승인여부", "承認区分"]),
        ]
    )

    private static let routingOperations = TableMapping(
        "RoutingOperation",
        from: ["RoutingOperation", "공정순서", "라우팅공정", "工順明細"],
        columns: [
            key("ITEM_CD", itemCode),
            ColumnMapping("ROUTING_NO", .text, from: routingNumber),
            ColumnMapping("OP_SEQ", .number, from: sequence, isRequired: true, nulls: .counted),
            key("OP_CD", operationCode),
            ColumnMapping("WC_CD", .text, from: workCenterCode),
            truth("OUTSOURCE_YN", outsourced),
            minutes("SETUP_MIN", setupMinutes),
            minutes("RUN_MIN_PER_EA", ["RUN_MIN_PER_EA", "개당가공시간", "가공시간", "個当り加工時間"]),
            ColumnMapping("OUT_LEAD_DAYS", .number, from: ["OUT_LEAD_DAYS", "외주납기", "외주리드타임"], unit: .day),
            ColumnMapping("REMARK", .text, from: remark),
        ]
    )

    private static let workOrders = TableMapping(
        "WorkOrder",
        from: ["WorkOrder", "작업지시", "製造指図"],
        columns: [
            key("WO_NO", ["WO_NO", "작업지시번호", "지시번호", "製造番号", "指図番号"]),
            key("ITEM_CD", itemCode),
            ColumnMapping("ROUTING_NO", .text, from: routingNumber),
            number("ORDER_QTY", "지시수량", "지시량", "指図数量"),
            moment("ORDER_DT", "지시일", "지시일자", "指図日"),
            moment("DUE_DT", "납기일", "납기", "納期"),
            text("STATUS", "상태", "状態"),
            truth("REWORK_YN", ["REWORK_YN", "재작업여부", "再加工区分"]),
        ]
    )

    private static let workResults = TableMapping(
        "WorkResult",
        from: ["WorkResult", "작업실적", "作業実績"],
        columns: [
            number("RESULT_ID", "실적번호", "実績番号"),
            key("WO_NO", ["WO_NO", "작업지시번호", "지시번호", "製造番号", "指図番号"]),
            ColumnMapping("OP_SEQ", .number, from: sequence),
            key("OP_CD", operationCode),
            text("MACHINE_CD", "설비코드", "設備コード"),
            text("WORKER_CD", "작업자코드", "작업자", "作業者コード"),
            moment("START_DT", "시작일시", "작업시작", "開始日時"),
            moment("END_DT", "종료일시", "작업종료", "終了日時"),
            minutes("WORK_MIN", ["WORK_MIN", "작업시간", "実績時間"]),
            minutes("SETUP_MIN", setupMinutes),
            number("GOOD_QTY", "양품수량", "良品数"),
            number("BAD_QTY", "불량수량", "不良数"),
            text("REPORT_TYPE", "실적구분", "보고구분", "実績区分"),
        ]
    )
}
