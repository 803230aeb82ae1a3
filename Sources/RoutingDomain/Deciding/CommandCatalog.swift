package import CanonicalJSON

/// Every command that can be sent from outside, with its fields and who may send it.
package enum CommandCatalog {
    /// The commands in the order of their subjects.
    package static let all: [any RequestedCommand.Type] = [
        RegisterModel.self, ActivateModel.self, RollBackModel.self,
        PatchConfig.self, UndoConfigChange.self, KeepConfigChange.self, RestoreConfig.self,
        SaveMapping.self, ActivateMapping.self,
        SaveRouting.self, WithdrawRouting.self,
        CreateSnapshot.self, RestoreMoment.self,
        OpenTask.self, LogTask.self, CloseTask.self, OpenSprint.self, CloseSprint.self,
        RequestApproval.self, AnswerApproval.self, SetApprovalRule.self, ReviewChange.self,
        ChangeRole.self, EnableUser.self, RevokeSessions.self, CreateServiceAccount.self, RevokeServiceKey.self,
        PlaceHold.self, ReleaseHold.self, SetRetention.self,
        SetTimeZone.self, RecordExport.self,
        AcknowledgeAlert.self,
        JoinInference.self, LeaveInference.self, ReportLoad.self, ReportLoadFailure.self, RecordAccuracy.self,
    ]
}

extension RequestedCommand {
    /// The fields in the order of declaration, read off the struct.
    package static var fields: [EventField] { EventField.fields(of: Self.self) }

    /// The command of its fields.
    ///
    /// Throws ``PayloadError`` naming the field.
    package static func command(of fields: [String: JSONValue]) throws -> Self {
        try PayloadCoding.value(Self.self, from: fields)
    }
}
