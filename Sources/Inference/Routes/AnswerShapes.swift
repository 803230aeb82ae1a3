internal import Serving

/// The shapes of answers, for the documentation.
enum AnswerShapes {
    private static let text = Schema.string(max: 1_000)
    private static let share = Schema.decimal(digits: 4)
    private static func member(_ name: String, _ schema: Schema, _ summary: String) -> Schema.Member {
        Schema.Member(name, schema, summary)
    }
    private static func orNull(_ schema: Schema) -> Schema { .oneOf([schema, .null]) }
    private static func list(_ schema: Schema) -> Schema { .array(schema, max: 1_000_000) }

    private static let begin = [
        member("version", text, "The version that answered, the same for all parts."),
        member("ef_search", .integer(1...65_535), "The breadth of the search."),
    ]

    static let similar = Schema.object(
        begin + [
            member(
                "results",
                list(
                    .object([
                        member("item", orNull(text), "The code that was asked for, where one was."),
                        member(
                            "similar",
                            list(
                                .object([
                                    member("item", text, "The part's code."),
                                    member("distance", .decimal(digits: 400), "Squared distance of the vectors."),
                                ])
                            ),
                            "Nearest first."
                        ),
                    ])
                ),
                "One for each part, in order."
            )
        ]
    )

    private static let minutes = Schema.named(
        "Minutes",
        orNull(
            .object([
                member("expected", .decimal(digits: 3), "What is expected."),
                member("low", .decimal(digits: 3), "One of ten is below."),
                member("high", .decimal(digits: 3), "One of ten is above."),
            ])
        )
    )

    private static let work = [
        member("operation", text, "The plant's code."), member("name", text, "What people call it."),
        member("work_centres", text, "The group of work centres."),
        member("setup_minutes", minutes, "Null where no set-up is known."),
        member("run_minutes", minutes, "For each piece; null where no time is known."),
    ]

    private static let operation = Schema.object(
        [member("sequence", .integer(0...1_000_000), "10, 20, …")] + work
            + [member("share", share, "The share of similar parts that have it there.")]
    )

    private static let proposal = Schema.named(
        "Proposal",
        .object([
            member("item", orNull(text), "The code that was asked for, where one was."),
            member("verdict", .choice(["accepted", "review", "none"]), "What the gates make of the confidence."),
            member("needs_review", .boolean, "Whether a person has to look at it."),
            member("confidence", share, "The probability that at most one operation has to be changed."),
            member("operations", list(operation), "The routing."),
            member(
                "alternatives",
                list(
                    .object([
                        member("origin", .choice(["neighbours", "consensus"]), "Where it comes from."),
                        member("share", share, "The share of similar parts that are made exactly so."),
                        member("operations", list(text), "Codes, in order."),
                    ])
                ),
                "Other ways, the likeliest first."
            ),
            member(
                "expansions",
                list(
                    .object([
                        member("place", .integer(0...1_000_000), "The place in the routing, from 0."),
                        member("is_insertion", .boolean, "Whether the choices come before the place."),
                        member(
                            "choices",
                            list(
                                .object([
                                    member("operation", orNull(text), "Null for leaving it out."),
                                    member("name", orNull(text), "What people call it."),
                                    member("share", share, "The share of similar parts."),
                                ])
                            ),
                            "The likeliest first."
                        ),
                    ])
                ),
                "Where similar parts differ."
            ),
            member(
                "other_operations",
                list(.object(work)),
                "What alternatives and expansions have and the routing has not, each once."
            ),
            member(
                "neighbours",
                list(
                    .object([
                        member("item", text, "The part's code."),
                        member("distance", .decimal(digits: 6), "Squared distance of the vectors."),
                        member("weight", share, "How much its routing counted."),
                    ])
                ),
                "The evidence, nearest first."
            ),
            member(
                "remarks",
                list(
                    .object([
                        member("feature", text, "Which attribute."),
                        member("kind", .choice(["missing", "unseen", "outside"]), "What is odd."),
                        member("value", .any, "The value, where there is one."),
                    ])
                ),
                "What the part has that the training data had not."
            ),
        ])
    )

    static let proposals = Schema.object(
        begin + [
            member(
                "gates",
                .object([
                    member("accept", .decimal(digits: 2), "From here on it stands."),
                    member("review", .decimal(digits: 2), "Below there is no recommendation."),
                ]),
                "The limits of confidence that were in force."
            ),
            member("proposals", list(proposal), "One for each part, in order."),
        ]
    )

    private static let spread = Schema.named(
        "MinutesSpread",
        orNull(
            .extensible([
                member("count", .integer(0...1_000_000_000), "Times."),
                member(
                    "median",
                    .decimal(digits: 4),
                    "And mean, deviation, least, p5, p10, quartiles, p90, p95, greatest."
                ),
                member("median_error_percent", orNull(.decimal(digits: 1)), "Of the model, at times it had not seen."),
                member(
                    "bins",
                    list(
                        .object([
                            member("from", .decimal(digits: 4), "Its lower edge."),
                            member("to", .decimal(digits: 4), "Its upper edge."),
                            member("count", .integer(0...1_000_000_000), "Times in it."),
                        ])
                    ),
                    "Of equal width in logarithms."
                ),
            ])
        )
    )

    static let summary = Schema.object([
        member("version", text, "The version that answered."), member("operation", text, "The plant's code."),
        member("name", text, "What people call it."),
        member("group", orNull(text), "The group of parts, where one was asked for."),
        member("parts", .integer(0...1_000_000_000), "Parts whose routing has it."),
        member("setup_minutes", spread, "Minutes to set up; null where none is known."),
        member("run_minutes", spread, "Minutes for each piece; null where none is known."),
    ])

    static let model = Schema.object([
        member("version", text, "The version."), member("manifest_sha256", text, "Its manifest."),
        member("position", .position, "The activation's position."),
        member("index_handle", text, "What diagnostics call the index."),
        member("load_ms", .integer(0...86_400_000), "From the order to the readiness."),
        member("parts", .integer(0...1_000_000_000), "Parts that it has."),
        member("operations", .integer(0...65_536), "Operations that it knows."),
        member("dimension", .integer(1...65_536), "Numbers of a vector."),
        member(
            "features",
            list(
                .object([
                    member("name", text, "The attribute."),
                    member("kind", text, "number, category, text or truth; imported where Python's encoder decides."),
                    member("words", list(text), "The words that it knows."),
                    member("slots", .integer(0...65_536), "Numbers that it takes in a vector."),
                ])
            ),
            "What parts are told apart by."
        ),
        member("ef_search", .integer(1...65_535), "The configured breadth."),
        member("neighbours", .integer(1...1_000), "The configured number of similar parts."),
        member("expansions", .integer(0...100), "The configured number of places."),
        member("warnings", list(text), "What the loader remarked."),
    ])
}
